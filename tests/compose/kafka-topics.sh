#!/bin/bash
# As in the official image.
# shellcheck disable=SC2086 # words
CLASSPATH='/opt/kafka/libs/*' exec java ${KAFKA_HEAP_OPTS:-} ${KAFKA_JVM_PERFORMANCE_OPTS:-} org.apache.kafka.tools.TopicCommand "$@"
