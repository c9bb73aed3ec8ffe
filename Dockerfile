# The hub as a container image.
#
# This image is unbuilt: no container engine was at hand when this file was written, so it names its base by version and
# not by a digest. Its steps were run outside a container instead, on Python 3.11: the wheel built with the locked
# build backend, the runtime lock installed with --require-hashes into a fresh environment, the wheel put into it
# without a network, `nrm-hub --help`, `init` and `serve` from there. Whoever builds it first should pin the base by the
# digest they got and say so here.
#
# The image holds code and no secret. Keys, settings and database are made by `nrm-hub init` in the volume; the
# passphrase comes from a file that the orchestrator mounts.

ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.lock requirements-dev.lock ./
# The build backend is in the development lock; nothing of it reaches the last stage.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements-dev.lock \
    && python -m venv /opt/nrm-hub \
    && /opt/nrm-hub/bin/pip install --require-hashes --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE package.json package-lock.json .npmrc ./
COPY assets/ assets/
COPY hub/ hub/
COPY adapters/ adapters/
COPY policies/ policies/
COPY keys/ keys/
RUN PATH=/opt/build/bin:$PATH assets/build \
    && /opt/build/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir /opt/wheel . \
    && /opt/nrm-hub/bin/pip install --no-index --no-deps /opt/wheel/*.whl \
    && /opt/nrm-hub/bin/pip uninstall --yes pip

FROM python:${PYTHON}
RUN groupadd --system --gid 10001 hub \
    && useradd --system --uid 10001 --gid hub --no-create-home --home-dir /var/lib/nrm-hub hub \
    && install --directory --owner hub --group hub --mode 0700 /var/lib/nrm-hub
COPY --from=build /opt/nrm-hub /opt/nrm-hub
ENV PATH=/opt/nrm-hub/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    NRM_HUB_HOME=/var/lib/nrm-hub
USER hub
WORKDIR /var/lib/nrm-hub
VOLUME /var/lib/nrm-hub
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["nrm-hub"]
CMD ["serve", "--bind", "0.0.0.0:8080"]
