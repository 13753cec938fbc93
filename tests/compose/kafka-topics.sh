#!/bin/bash
# As in the official image.
# shellcheck disable=SC2086 # words
CLASSPATH='/opt/kafka/libs/*' exec java ${KAFKA_HEAP_OPTS:-} -XX:TieredStopAtLevel=1 org.apache.kafka.tools.TopicCommand "$@"
