"""The search space: reads it, checks it, declares it to Keras Tuner, and makes configurations of its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cman_tf import config as configs
from cman_tf.data.formats.reading import located, read_text
from cman_tf.errors import InputError

if TYPE_CHECKING:
    from tuning.keras2 import keras_tuner

_FILE = Path(__file__).with_name("space.yaml")

# Fields that a search cannot vary, because the scores would not be comparable.
_FIXED = ("corpus.", "seed", "protocol", "training.epochs", "encoder.store")

_HEADS, _HIDDEN = "model.num_heads", "model.hidden_size"


@dataclass(frozen=True)
class Dimension:
    """One hyper-parameter.

    Args:
        name: str. Dotted config field.
        kind: `"choice"`, `"int"` or `"float"`.
        values: tuple. The choices, or the lower and the upper bound.
        step: number or None.
        log: bool. Whether to sample on a logarithmic scale.
        when: `(name, values)` of another dimension, or None. Condition under which this one is searched.
    """

    name: str
    kind: str
    values: tuple
    step: float | None = None
    log: bool = False
    when: tuple | None = None


class Space:
    """Dimensions by name, checked against a configuration.

    Args:
        dimensions: sequence of `Dimension`.
        base: `Config`. Values of the fields that are not searched.

    Raises:
        InputError: if there is no dimension, a field is unknown or fixed, a value is invalid for its field, or a
            condition refers to something that is not a choice.
    """

    def __init__(self, dimensions: Iterable[Dimension], base: configs.Config) -> None:
        self.base = base
        self.dimensions = {item.name: item for item in dimensions}
        if not self.dimensions:
            raise InputError("A space must have at least one hyper-parameter. Received: none")
        for item in self.dimensions.values():
            self._check(item)

    @classmethod
    def read(cls, base: configs.Config, path: str | Path | None = None) -> Space:
        """The default space, `tuning/space.yaml`, with the changes of a file.

        Args:
            base: `Config`.
            path: str or path of a YAML file, or None.
        """
        entries = configs.parse_yaml(_FILE.read_text(encoding="utf-8"))
        if path is not None:
            try:
                given = configs.parse_yaml(read_text(path))
            except yaml.YAMLError as error:
                raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
            if not isinstance(given, dict):
                raise InputError(f"A space must map config fields to entries. Received: {given!r} in {path}")
            entries.update(given)
        with located(str(path or _FILE.name)):
            return cls([_dimension(name, entry) for name, entry in entries.items() if entry is not None], base)

    def _check(self, item: Dimension) -> None:
        if item.name not in {name for name, *_ in configs.all_fields()}:
            near = configs.nearest_field(item.name)
            raise InputError(
                f"A hyper-parameter must be a config field. Received: {item.name}"
                + (f"; nearest: {near}" if near else "")
            )
        if item.name.startswith(_FIXED):
            raise InputError(f"A search cannot vary {', '.join(_FIXED)}. Received: {item.name}")
        # Heads and width are checked together, because a trial may combine any of their values.
        other = self.dimensions.get({_HIDDEN: _HEADS, _HEADS: _HIDDEN}.get(item.name))  # type: ignore[arg-type]
        for value in item.values:
            for beside in other.values if other else [None]:
                changes = {other.name: beside} if other else {}
                configs.change(self.base, {**changes, item.name: value}, "the space")
        if item.when:
            parent = self.dimensions.get(item.when[0])
            if parent is None or parent.kind != "choice" or not set(item.when[1]) <= set(map(_key, parent.values)):
                raise InputError(
                    "`when` must name a hyper-parameter with `choice`, and some of its values. Received: "
                    f"{item.when[0]} for {item.name}"
                )
            if parent.when:
                raise InputError(
                    "`when` must name a hyper-parameter without a `when` of its own. Received: "
                    f"{item.when[0]} for {item.name}"
                )
        if item.name in (_HEADS, _HIDDEN) and item.kind != "choice":
            raise InputError(f"{item.name} must have a `choice`, so that heads divide widths. Received: {item.kind}")

    def declare(self, hp: keras_tuner.HyperParameters) -> None:
        """Declare the space to Keras Tuner; afterwards `hp.values` has a value for each active dimension.

        Args:
            hp: `keras_tuner.HyperParameters`.
        """
        # Dimensions that others depend on come first.
        defaults = self.defaults()
        for item in sorted(self.dimensions.values(), key=lambda item: item.when is not None):
            if item.when:
                with hp.conditional_scope(item.when[0], list(item.when[1])):
                    _declare(hp, item, defaults[item.name])
            else:
                _declare(hp, item, defaults[item.name])

    def defaults(self) -> dict[str, Any]:
        """Value of each dimension in the base configuration, in Keras Tuner's form: dict by name."""
        return {name: _key(configs.get(self.base, name)) for name in self.dimensions}

    def config(self, values: Mapping[str, Any], epochs: int | None = None) -> configs.Config:
        """The configuration with some values of hyper-parameters.

        Args:
            values: dict, `hp.values`; values of inactive dimensions and of the tuner itself are ignored.
            epochs: int or None. Replaces the number of epochs of the base.

        Returns:
            `Config`.
        """
        changes = {} if epochs is None else {"training.epochs": epochs}
        for name, item in self.dimensions.items():
            active = item.when is None or values.get(item.when[0]) in item.when[1]
            if name in values and active:
                changes[name] = _value(values[name], item)
        return configs.change(self.base, changes, "the space")


def _dimension(name: str, entry: Any) -> Dimension:
    entry = {"choice": entry} if isinstance(entry, list) else entry
    if not isinstance(entry, dict) or set(entry) - {"choice", "int", "float", "step", "log", "when"}:
        raise InputError(f"An entry must have the form of those in tuning/space.yaml. Received: {entry!r} for {name}")
    kinds = [kind for kind in ("choice", "int", "float") if kind in entry]
    values = entry[kinds[0]] if len(kinds) == 1 else None
    if not isinstance(values, list) or not values:
        raise InputError(f"An entry must have one of choice, int and float, with a list. Received: {entry} for {name}")
    if kinds[0] != "choice":
        number = int if kinds[0] == "int" else (int, float)
        good = len(values) == 2 and all(isinstance(v, number) and not isinstance(v, bool) for v in values)
        if not good or not values[0] < values[1]:
            raise InputError(f"Bounds must be two numbers, the lower first. Received: {values} for {name}")
        if entry.get("log") and not values[0] > 0:
            raise InputError(f"Bounds must be above 0 with `log`. Received: {values} for {name}")
        if entry.get("step") is not None and (entry.get("log") or not entry["step"] > 0):
            raise InputError(f"`step` must be above 0, without `log`. Received: {entry['step']} for {name}")
    when = entry.get("when")
    if when is not None:
        if not isinstance(when, dict) or len(when) != 1:
            raise InputError(f"`when` must map one hyper-parameter to a list. Received: {when!r} for {name}")
        [(parent, wanted)] = when.items()
        when = (parent, tuple(_key(v) for v in (wanted if isinstance(wanted, list) else [wanted])))
    return Dimension(name, kinds[0], tuple(values), entry.get("step"), bool(entry.get("log")), when)


def _key(value: Any) -> Any:
    """A value in Keras Tuner's form, which has no lists."""
    return ",".join(value) if isinstance(value, (list, tuple)) else value


def _value(key: Any, item: Dimension) -> Any:
    # The inverse of `_key`; Keras Tuner also returns whole numbers as floats.
    if item.kind == "choice":
        return next((value for value in item.values if _key(value) == key), key)
    return int(key) if item.kind == "int" else float(f"{key:.6g}")


def _declare(hp: keras_tuner.HyperParameters, item: Dimension, default: Any) -> None:
    if item.kind == "choice":
        keys = [_key(value) for value in item.values]
        hp.Choice(item.name, keys, default=default if default in keys else keys[0])
        return
    low, high = item.values
    options = {"sampling": "log"} if item.log else {"step": item.step} if item.step else {}
    # Keras Tuner refuses a default that is not on the grid of steps.
    kind = hp.Int if item.kind == "int" else hp.Float
    kind(item.name, low, high, default=default if low <= default <= high and not item.step else low, **options)
