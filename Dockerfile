# The package, to train, predict and serve:
#   docker build --tag cman-tf .
#   docker run --volume "$PWD/runs:/runs" cman-tf fit --config sample --run-dir /runs/sample
#   docker run --volume "$PWD/runs:/runs" --publish 127.0.0.1:8500:8500 --publish 127.0.0.1:8501:8501 cman-tf \
#       serve /runs/models/sample --host 0.0.0.0
FROM python:3.12-slim AS build
COPY . /src
RUN python -m venv /opt/cman \
 && /opt/cman/bin/pip install --no-cache-dir --no-compile --constraint /src/constraints/current.txt /src

FROM python:3.12-slim
RUN useradd --create-home --uid 1000 cman && mkdir /runs && chown cman /runs
COPY --from=build /opt/cman /opt/cman
ENV PATH="/opt/cman/bin:$PATH"
USER cman
WORKDIR /runs
VOLUME /runs
# Of `cman serve`: whether its gRPC port, which opens once a model is loaded, accepts connections.
HEALTHCHECK --interval=30s --timeout=10s --start-period=2m CMD ["sh", "-c", \
    "! grep -q serve /proc/1/cmdline || python -c 'import socket; socket.create_connection((\"127.0.0.1\", 8500), 2)'"]
ENTRYPOINT ["cman"]
CMD ["--help"]
