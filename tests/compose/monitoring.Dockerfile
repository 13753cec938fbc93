# Stands in for prom/prometheus (--target prometheus) and prom/alertmanager (--target alertmanager), with Debian's
# programs: the same names, paths, user and volumes. The context has the programs, and pages/ of theirs.
FROM debian:bookworm-slim AS prometheus
COPY prometheus promtool /bin/
COPY pages /usr/share/prometheus
RUN install -d -o nobody /prometheus
USER 65534:65534
ENTRYPOINT ["/bin/prometheus"]

FROM debian:bookworm-slim AS alertmanager
COPY alertmanager amtool /bin/
COPY pages /usr/share/prometheus
RUN install -d -o nobody /alertmanager /etc/alertmanager
USER 65534:65534
ENTRYPOINT ["/bin/alertmanager"]
