# Stands in for prom/prometheus (--target prometheus) and prom/alertmanager (--target alertmanager), with Debian's
# programs: the same names, paths, user and volumes. The context has bin/ with the programs, and their pages/.
FROM debian:bookworm-slim AS monitoring
COPY bin /bin/
COPY pages /usr/share/prometheus
RUN install -d -o nobody /prometheus /alertmanager /etc/alertmanager
USER 65534:65534

FROM monitoring AS prometheus
ENTRYPOINT ["/bin/prometheus"]

FROM monitoring AS alertmanager
ENTRYPOINT ["/bin/alertmanager"]
