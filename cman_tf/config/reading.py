"""Reads, changes and stores configurations.

A configuration is a tree of frozen, validating dataclasses (`fields.py`). It is read from YAML (`presets/*.yaml`
or a file of your own), changed by command-line options of the same names (`--model.hidden_size 64`), and stored in each
run folder.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from cman_tf.config.fields import Config
from cman_tf.errors import InputError, closest, failed, nearest, rule_of
from cman_tf.files import atomic_write


def all_fields(section: Any = Config, prefix: str = "") -> Iterator[tuple[str, Any, Any, str]]:
    """Walk the leaves of the tree: yields `(dotted name, type annotation, default, description)`."""
    for item in dataclasses.fields(section):
        info = section.__pydantic_fields__[item.name]
        if dataclasses.is_dataclass(info.annotation):
            yield from all_fields(info.annotation, f"{prefix}{item.name}.")
        else:
            yield prefix + item.name, info.annotation, info.default, info.description


def from_dict(values: dict, where: str = "the configuration") -> Config:
    """Validate a nested dict.

    Raises:
        InputError: if a field is unknown (with the nearest name), has the wrong type or is out of range.
    """
    if not isinstance(values, dict):
        raise InputError(f"A configuration must be a mapping of names to values. Received: {values!r} in {where}")
    try:
        return TypeAdapter(Config).validate_python(values)
    except ValidationError as error:
        raise InputError(_sentence(error.errors()[0], where)) from None


def _sentence(error: Mapping[str, Any], where: str) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        near = nearest_field(name)
        if near == name:
            section, _, leaf = name.partition(".")
            return f"A field must be below its section, `{section}: {{{leaf}: ...}}`. Received: {name} in {where}"
        hint = f"; nearest: {near}" if near else f"; sections: {', '.join(f.name for f in dataclasses.fields(Config))}"
        return f"Unknown config field: {name} in {where}{hint}"
    if error["type"] == "value_error":
        return f"{error['ctx']['error']} in {where}"
    if error["type"] == "dataclass_type":
        return f"`{name}` must be a mapping of names to values. Received: {error['input']!r} in {where}"
    if error["type"] == "invalid_key":
        return f"The name of a config field must be a string. Received: {name} in {where}"
    return f"`{name}` {rule_of(error['msg'])}. Received: {error['input']!r} in {where}"


def nearest_field(name: str) -> str | None:
    """The config field or section that the user probably meant by `name`, or None."""
    known = [leaf for leaf, *_ in all_fields()]
    # If only the section is wrong or missing, the last part is right.
    same = [leaf for leaf in known if leaf.split(".")[-1] == name.split(".")[-1]]
    sections = [] if "." in name else [item.name for item in dataclasses.fields(Config)]
    return closest(name, same, cutoff=0) or closest(name, known + sections)


class _Loader(yaml.SafeLoader):
    """YAML with the usual numbers, such as 5e-4 and 010, that refuses repeated names.

    YAML 1.1 reads 010 as 8, 1:30 as 90 and 2020-01-01 as a date, and keeps the last value of a repeated name. Here, its
    0x10 and 1_000 are not numbers.
    """

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in found if tag.rsplit(":", 1)[-1] not in ("int", "float", "timestamp")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                raise yaml.composer.ComposerError(None, None, f"`{key.value}` is repeated", key.start_mark)
            seen |= {name} if name else set()
        return node


_NUMBER = list("-+.0123456789")
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?[0-9]+$"), _NUMBER)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"[-+]?(([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(inf|Inf|INF))$"
        r"|\.(nan|NaN|NAN)$"
    ),
    _NUMBER,
)
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _, node: int(node.value))


class _Dumper(yaml.SafeDumper):
    """Quotes text that `_Loader` would read as a number."""

    yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers


@functools.lru_cache(maxsize=64)
def _decoded(text: str) -> Any:
    # PyYAML takes 20 ms for a configuration, and a command reads that of its run several times.
    return yaml.load(text, _Loader)  # noqa: S506, a safe loader by its base


def parse_yaml(text: str) -> Any:
    """Decode YAML.

    Raises:
        yaml.YAMLError: if `text` is not valid YAML.
    """
    try:
        return copy.deepcopy(_decoded(text))
    except (ValueError, LookupError, AttributeError, RecursionError) as error:
        # PyYAML does not catch these for tags that do not fit their values and for brackets nested too deep.
        raise yaml.YAMLError(f"cannot decode the value: {error}") from None


def load(name: str, overrides: dict | None = None) -> Config:
    """Read a configuration by name (`sample`, `conll04`, ...) or from a YAML file, then apply changes.

    Args:
        name: str. Name of a file in `cman_tf/config/presets` without `.yaml`, or a path.
        overrides: dict of dotted field names to values, e.g. `{"model.hidden_size": 64}`.

    Raises:
        InputError: if the configuration does not exist, is not valid YAML or contains an invalid field.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        source = path
    elif name in shipped():
        source = shipped()[name]
    else:
        raise InputError(
            f"A config must be a YAML file or one of {', '.join(sorted(shipped()))}. Received: {name}"
            f"{nearest(name, shipped())}"
        )
    try:
        values = parse_yaml(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise failed("read", name, error) from None
    except yaml.YAMLError as error:
        raise InputError(
            f"A config file must be valid YAML. Received: {' '.join(str(error).split())} in {name}"
        ) from None
    return change(from_dict({} if values is None else values, str(name)), overrides or {})


def shipped() -> dict[str, Any]:
    """The presets of the package: dict of name to file."""
    folder = resources.files("cman_tf.config").joinpath("presets")
    return {Path(item.name).stem: item for item in folder.iterdir() if item.name.endswith(".yaml")}


def change(config: Config, overrides: dict, where: str = "the options") -> Config:
    """A copy of `config` with the dotted fields of `overrides` replaced and everything validated again."""
    values = to_dict(config)
    for name, value in overrides.items():
        *sections, leaf = name.split(".")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
        place[leaf] = value
    return from_dict(values, where)


def get(config: Config, name: str) -> Any:
    """The value of a dotted field."""
    for part in name.split("."):
        config = getattr(config, part)
    return config


def different(one: Config, other: Config) -> list[str]:
    """List of the dotted names of the fields in which two configurations differ."""
    return [name for name, *_ in all_fields() if get(one, name) != get(other, name)]


def to_dict(config: Config) -> dict:
    """The configuration as nested plain dicts."""
    # Through JSON, to turn tuples into lists: YAML and JSON have no tuples.
    return json.loads(json.dumps(dataclasses.asdict(config)))


def save(config: Config, path: str | Path) -> None:
    """Write the configuration as YAML that `load` reads back equal."""
    with atomic_write(path) as file:
        yaml.dump(to_dict(config), file, _Dumper, sort_keys=False, allow_unicode=True)
