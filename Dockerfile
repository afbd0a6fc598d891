# journeystream as an image: `docker build -t journeystream .`
# /project holds the project file, /state the state of one worker (docker-compose.kafka.yml).

FROM python:3.12-slim AS build
WORKDIR /source
RUN python -m venv /opt/journeystream
ENV PATH=/opt/journeystream/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The dependencies by themselves: a layer that is built anew only when they change.
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY journeystream ./journeystream
RUN pip wheel --no-deps --wheel-dir /wheels . && pip install --no-deps /wheels/*.whl

FROM python:3.12-slim
# A new volume at /state takes the directory's owner.
RUN useradd --uid 10001 --no-create-home journeystream \
 && install --directory --owner journeystream /project /state
COPY --from=build /opt/journeystream /opt/journeystream
ENV PATH=/opt/journeystream/bin:$PATH PYTHONUNBUFFERED=1
USER journeystream
WORKDIR /project
CMD ["journeystream", "run"]
