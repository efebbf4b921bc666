# One image for every process of the program: `sci-agents worker`, `alerting`, `api`, …
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
LABEL sci-agents.stage=build
WORKDIR /src
COPY . .
RUN python3 -m venv /pip && python3 -m venv --without-pip /opt/sci-agents
# Wheels that the context brings are installed as they are, without a network; else they are made here.
RUN [ -d wheels ] || { apt-get update && apt-get install --yes --no-install-recommends g++ && /pip/bin/pip wheel --wheel-dir wheels .; }
RUN /pip/bin/pip --python /opt/sci-agents/bin/python install --no-cache-dir --no-index --find-links wheels sci-agents \
    && find /opt/sci-agents -depth -type d -name tests -path '*/site-packages/*' -exec rm -r {} +

FROM ${BASE}
COPY --from=build /opt/sci-agents /opt/sci-agents
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/sci-agents sci-agents
USER sci-agents
WORKDIR /var/lib/sci-agents
# HEALTH_URL is what the container's process answers at while it is well
ENV PATH=/opt/sci-agents/bin:$PATH PYTHONUNBUFFERED=1 HEALTH_URL=http://127.0.0.1:9100/health/live
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['HEALTH_URL'], timeout=4)"]
ENTRYPOINT ["sci-agents"]
CMD ["worker", "--metrics-listen", "0.0.0.0:9100"]
