# The server with the distribution's headless Chromium, as a user of its own. docs/operations.md says
# how to run it: keys, the browser's sandbox, shared memory, volumes.
FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates chromium-headless-shell \
        fonts-liberation fonts-noto-color-emoji libatomic1 libstdc++6 python3 python3-venv tini \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin agent \
    && install -d -o agent -g agent /data /recordings

ENV PATH=/opt/agent-browser/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PLAYWRIGHT_BROWSERS_PATH=/opt/agent-browser/playwright

WORKDIR /src
COPY requirements /src/requirements
COPY pyproject.toml README.md LICENSE /src/
COPY agent_browser /src/agent_browser
# One layer: the last command links ffmpeg, and a link into an earlier layer would be a copy.
RUN python3 -m venv /opt/agent-browser \
    && python3 -m venv /tmp/build \
    && pip install --require-hashes -r requirements/run.txt \
    && /tmp/build/bin/pip install --require-hashes -r requirements/build.txt \
    && /tmp/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/build/wheels . \
    && pip install --no-deps /tmp/build/wheels/*.whl \
    && rm -rf /tmp/build /src/* \
    && python -m agent_browser.browser.install
COPY scripts/ready.py /opt/agent-browser/ready.py

ENV AGENT_BROWSER_HOST=0.0.0.0 \
    AGENT_BROWSER_PORT=7070 \
    AGENT_BROWSER_DATA_DIR=/data \
    AGENT_BROWSER_RECORDINGS_DIR=/recordings \
    AGENT_BROWSER_LOG_FORMAT=json

USER agent
WORKDIR /home/agent
VOLUME ["/data", "/recordings"]
EXPOSE 7070
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "/opt/agent-browser/ready.py"]
ENTRYPOINT ["tini", "--", "agent-browser"]
CMD ["serve"]
