# Stands in for python:3.12-slim-bookworm.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3-minimal libpython3-stdlib \
 && rm -rf /var/lib/apt/lists/* && ln -s python3 /usr/bin/python
CMD ["python"]
