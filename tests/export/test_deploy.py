"""Every file of export/deploy against the schema of who reads it."""

import copy
import functools
import json
import operator
import re
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from tensorflow_serving.config import model_server_config_pb2

from export import server
from export.serving import batching_options, metrics, protoset
from export.serving.app import Server, ServerOptions
from tests.export.tiny import Echo

DEPLOY = Path(server.__file__).parent / "deploy"
MOUNTED = {"/config/models.config", "/config/batching.config", "/config/monitoring.config"}
FLAGS = {  # of tensorflow_model_server
    "model_config_file",
    "model_config_file_poll_wait_seconds",
    "allow_version_labels_for_unavailable_models",
    "enable_batching",
    "batching_parameters_file",
    "monitoring_config_file",
    "enable_grpc_healthcheck_service",
}


def _parse(name, message):
    return text_format.Parse((DEPLOY / name).read_text(), message)


def _monitoring_config():
    """An empty `MonitoringConfig` of TensorFlow Serving, which `tensorflow-serving-api` does not ship."""
    file = descriptor_pb2.FileDescriptorProto(name="monitoring.proto", syntax="proto3")
    kind = descriptor_pb2.FieldDescriptorProto
    prometheus = file.message_type.add(name="PrometheusConfig")
    prometheus.field.add(name="enable", number=1, type=kind.TYPE_BOOL)
    prometheus.field.add(name="path", number=2, type=kind.TYPE_STRING)
    monitoring = file.message_type.add(name="MonitoringConfig")
    monitoring.field.add(name="prometheus_config", number=1, type=kind.TYPE_MESSAGE, type_name=".PrometheusConfig")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("MonitoringConfig"))()


def _yaml(name):
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


# File and the schema of who reads it.
SCHEMAS = {"docker-compose.yml": "compose", "kubernetes.yaml": "kubernetes", "prometheus.yml": "prometheus"}


def _mistakes(name, documents):
    schema = json.loads((Path(__file__).parent / "schemas" / f"{SCHEMAS[name]}.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    return [error for document in documents for error in validator.iter_errors(document)]


@pytest.mark.parametrize("name", SCHEMAS)
def test_yaml_files_keep_their_schemas(name):
    assert _mistakes(name, _yaml(name)) == []


def _keys(value, path=()):
    """`(path, key)` of every key in nested dicts and lists."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(value, dict):
            yield path, key
        yield from _keys(inner, (*path, key))


# What these hold is named by a person: any key is right there.
FREE = {"services", "labels", "annotations", "matchLabels", "selector", "depends_on"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_key_that_is_misspelt_anywhere_is_noticed(name):
    documents = _yaml(name)
    for path, key in list(_keys(documents)):
        changed = copy.deepcopy(documents)
        place = functools.reduce(operator.getitem, path, changed)
        place[f"{key[:-1]}x"] = place.pop(key)
        assert _mistakes(name, changed) or path[-1] in FREE, (path, key)


def test_models_config_labels_versions_that_are_loaded():
    (model,) = _parse("models.config", model_server_config_pb2.ModelServerConfig()).model_config_list.config
    assert (model.name, model.model_platform) == ("cman", "tensorflow")
    assert dict(model.version_labels) == {"stable": 1, "canary": 2}
    assert set(model.version_labels.values()) <= set(model.model_version_policy.specific.versions)


def test_batching_config():
    parameters = _parse("batching.config", batching_options._batching_parameters())
    assert parameters.max_batch_size.value >= 1
    assert parameters.pad_variable_length_inputs
    sizes = list(parameters.allowed_batch_sizes)
    assert sizes == sorted(sizes)
    assert not sizes or sizes[-1] == parameters.max_batch_size.value


def test_batching_config_is_taken_by_the_embedded_server():
    options, ignored = server._batching(server_arguments("--batching-parameters-file", str(DEPLOY / "batching.config")))
    assert ignored == []
    assert (options.max_batch_size, options.max_enqueued_batches, options.num_batch_threads) == (32, 8, 2)
    options, _ = server._batching(
        server_arguments("--batching-parameters-file", str(DEPLOY / "batching.config"), "--max-batch-size", "4")
    )
    assert options.max_batch_size == 4


FIELDS = """
max_batch_size { value: 8 }
allowed_batch_sizes: 4
allowed_batch_sizes: 8
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 4 }
pad_variable_length_inputs: true
"""


def test_fields_of_a_stock_server_are_read_and_told_where_they_have_no_effect(tmp_path):
    (tmp_path / "batching.config").write_text(FIELDS)
    options, ignored = server._batching(
        server_arguments("--batching-parameters-file", str(tmp_path / "batching.config"))
    )
    assert options.max_batch_size == 8
    assert ignored == ["allowed_batch_sizes", "enable_large_batch_splitting", "max_execution_batch_size"]


def server_arguments(*arguments):
    from cman_tf.commands import cli

    parser = cli.parser("cman serve", "", "")
    server._add_batching_options(parser)
    return cli.parse(parser, list(arguments))


@pytest.mark.parametrize(
    ("message", "text"),
    [(batching_options._batching_parameters, "max_batch_sise { value: 1 }"), (_monitoring_config, "enable: 1")],
)
def test_the_schemas_refuse_what_is_not_theirs(message, text):
    with pytest.raises(text_format.ParseError):
        text_format.Parse(text, message())


def test_monitoring_config_and_prometheus_name_the_same_page():
    monitoring = _parse("monitoring.config", _monitoring_config()).prometheus_config
    (prometheus,) = _yaml("prometheus.yml")
    (job,) = prometheus["scrape_configs"]
    assert monitoring.enable
    assert monitoring.path == job["metrics_path"] == metrics.PATH
    (target,) = job["static_configs"][0]["targets"]
    assert target.split(":")[0] in _yaml("docker-compose.yml")[0]["services"]


def _check_flags(arguments):
    flags = dict(re.fullmatch(r"--(\w+)=(.+)", argument).groups() for argument in arguments)
    assert set(flags) == FLAGS
    assert {value for value in flags.values() if value.startswith("/")} == MOUNTED


def test_docker_compose():
    (compose,) = _yaml("docker-compose.yml")
    serving = compose["services"]["serving"]
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", serving["image"])
    _check_flags(serving["command"])
    for volume in [*serving["volumes"], *compose["services"]["prometheus"]["volumes"]]:
        source = volume.rsplit(":", 2)[0]
        assert source.startswith("${") or (DEPLOY / source).is_file()
    assert all(port.startswith("127.0.0.1:") for port in serving["ports"])
    assert serving["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize(("stable", "healthy"), [(1, True), (2, False), (None, False)])
def test_the_health_check_is_that_of_the_labelled_version(tmp_path, stable, healthy):
    """The command of docker-compose.yml itself: against a server that answers, whatever else it has."""
    (compose,) = _yaml("docker-compose.yml")
    kind, *command = compose["services"]["serving"]["healthcheck"]["test"]
    assert (kind, command[-1].count("8501")) == ("CMD", 1)
    Echo(1).save(tmp_path / "cman" / "1")
    labels = {} if stable is None else {"stable": stable}
    running = Server(ServerOptions(tmp_path / "cman", port=0, rest_port=0, labels=labels))
    running.start()
    command[-1] = command[-1].replace("8501", str(running.rest_port))
    done = subprocess.run(command, timeout=20, stderr=subprocess.DEVNULL)
    running.stop(5)
    assert (done.returncode == 0) is healthy


def test_kubernetes():
    deployment, service = _yaml("kubernetes.yaml")
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert (deployment["kind"], service["kind"]) == ("Deployment", "Service")
    labels = pod["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    _check_flags(container["args"])
    assert {"cpu", "memory"} <= container["resources"]["limits"].keys()
    assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys()
    names = {port["name"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} <= names
    volumes = {volume["name"] for volume in pod["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


def test_protoset_holds_every_service_and_its_dependencies():
    files = protoset.protoset().file
    services = {f"{file.package}.{service.name}" for file in files for service in file.service}
    assert {
        "tensorflow.serving.PredictionService",
        "tensorflow.serving.ModelService",
        "grpc.health.v1.Health",
    } <= services
    seen = set()
    for file in files:
        assert set(file.dependency) <= seen
        seen.add(file.name)
