# syntax=docker/dockerfile:1
# regraft's server: `regraft serve` on every run folder in /models, for processors of x86-64 or ARM. No TensorFlow.
#
#   docker build --tag regraft .
#   docker run --rm --publish 127.0.0.1:8000:8000 --volume "$PWD/runs:/models:ro" regraft
#
# With a run inside the image, its network prepared for a quick start (docs/serving.md):
#
#   docker build --tag flowers --target baked --build-context run=runs/flowers --build-arg NAME=flowers .

ARG PYTHON=3.11

# 1. Everything installed into a virtual environment, compiled to bytecode, as the server's user cannot write there.
# OpenVINO does without its telemetry where that is not installed.
FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/regraft
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN /opt/regraft/bin/pip install --constraint constraints.txt ".[serve]" \
    && /opt/regraft/bin/pip uninstall --yes openvino-telemetry pip

# 2. What runs: the environment, a user without rights, and a folder that this user may write, for the cache.
FROM python:${PYTHON}-slim AS base
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin regraft \
    && install --directory --owner=regraft --group=regraft /var/cache/regraft /models
COPY --from=build /opt/regraft /opt/regraft
ENV PATH=/opt/regraft/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    KERAS_BACKEND=openvino \
    KERAS_HOME=/var/cache/regraft/keras \
    REGRAFT_CACHE=/var/cache/regraft
USER 10001:10001
WORKDIR /models
EXPOSE 8000
STOPSIGNAL SIGTERM
# The first start with a run prepares its network, which takes some seconds.
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/v2/health/ready', timeout=4)"]
CMD ["sh", "-c", "exec regraft serve /models/* --host 0.0.0.0 --port 8000"]

# The run of `--build-context run=FOLDER`; without one, nothing.
FROM scratch AS run

# 3. On request: a run inside the image, and the graph of its network in the cache.
FROM base AS baked
ARG NAME=model
COPY --from=run --chown=10001:10001 . /models/${NAME}/
RUN ["python", "-c", "import numpy as np; from pathlib import Path; from regraft.runs.prediction import Predictor; \
    [p.plain_probabilities([np.zeros((*p.head.size, 3), np.uint8)]) for p in map(Predictor, Path('/models').iterdir())]"]

# 4. What a plain `docker build` makes.
FROM base AS server
