# Stands in for prom/prometheus (--target prometheus) and prom/alertmanager (--target alertmanager), with Debian's
# programs: the same paths, user and volumes. The context has usr/ of the unpacked packages.
FROM debian:bookworm-slim AS prometheus
COPY usr/bin/prometheus usr/bin/promtool /bin/
COPY usr/share/prometheus /usr/share/prometheus
RUN install -d -o nobody /prometheus
USER 65534:65534
ENTRYPOINT ["/bin/prometheus"]

FROM debian:bookworm-slim AS alertmanager
COPY usr/bin/prometheus-alertmanager /bin/alertmanager
COPY usr/bin/amtool /bin/
COPY usr/share/prometheus /usr/share/prometheus
RUN install -d -o nobody /alertmanager /etc/alertmanager
USER 65534:65534
ENTRYPOINT ["/bin/alertmanager"]
