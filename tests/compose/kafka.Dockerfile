# Stands in for apache/kafka: the same Kafka, paths, user and way to be configured. The context has libs/ and this folder's
# scripts.
FROM debian:bookworm-slim
RUN mkdir -p /usr/share/man/man1 && apt-get update \
 && apt-get install -y --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/*
RUN useradd -m -u 1000 appuser && mkdir -p /opt/kafka/bin /opt/kafka/config /etc/kafka/docker /var/lib/kafka/data \
 && chown -R appuser /opt/kafka /var/lib/kafka
COPY libs /opt/kafka/libs
COPY kafka-run /etc/kafka/docker/run
COPY kafka-topics.sh /opt/kafka/bin/kafka-topics.sh
USER appuser
VOLUME ["/var/lib/kafka/data"]
CMD ["/etc/kafka/docker/run"]
