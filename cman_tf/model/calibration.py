"""Thresholds and a calibration of scores, which are chosen after training: a few numbers, applied in the graph."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from cman_tf.errors import InputError, failed, rule_of
from cman_tf.files import atomic_write

if TYPE_CHECKING:
    from cman_tf.config.fields import DecodingConfig
    from cman_tf.data.schema import Schema

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, config=_STRICT)
class Scale:
    """A calibration of probabilities (Platt, 1999): the log odds `x` become `slope * x + intercept`.

    Args:
        slope: float, above 0, so that the order of scores stays. Below 1, scores move towards 0.5. Default 1.
        intercept: float. Default 0.

    Example:
        >>> Scale(0.5, 0.0)(np.array([0.1, 0.5, 0.9])).round(2).tolist()
        [0.25, 0.5, 0.75]
    """

    slope: float = Field(default=1.0, gt=0)
    intercept: float = 0.0

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Calibrated scores, float64, of the same shape."""
        scores = np.asarray(scores, np.float64)
        right, wrong = np.exp(self.intercept) * scores**self.slope, (1 - scores) ** self.slope
        return right / (right + wrong)


@dataclass(frozen=True, config=_STRICT)
class Calibration:
    """The thresholds and scales of a run, stored in its `calibration.json`.

    Thresholds are calibrated scores, as answers have them.

    Args:
        entity_threshold: float from 0 to 1, or None. Entities with a lower score are left out, with their relations.
            Default None: `decoding.entity_threshold` applies.
        relation_thresholds: dict of relation type to float from 0 to 1. A relation is predicted if its score is above
            the threshold of its type. Default `{}`: `decoding.threshold` applies to types that are not in it.
        entity_scale, relation_scale: `Scale`. Default: scores stay as they are.
        fitted_on: dict. Corpus, split and number of sentences, entities and relations. Default `{}`.
    """

    entity_threshold: Annotated[Optional[float], Field(ge=0, le=1)] = None
    relation_thresholds: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    entity_scale: Scale = Field(default_factory=Scale)
    relation_scale: Scale = Field(default_factory=Scale)
    fitted_on: Mapping[str, Any] = Field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, schema: Schema) -> Calibration | None:
        """The content of a `calibration.json`; None if there is no such file.

        Raises:
            InputError: if the file was not written by `save`, or names a type that is not in `schema`.
        """
        try:
            found = TypeAdapter(cls).validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            first = error.errors()[0]
            place = f"`{'.'.join(map(str, first['loc']))}` " if first["loc"] else ""
            raise InputError(f"{path} is not valid: {place}{rule_of(first['msg'])}.") from None
        except OSError as error:
            raise failed("read", path, error) from None
        for name in found.relation_thresholds:
            if name not in schema.relation_types:
                raise InputError(f"{path} is not valid: {name!r} is not a relation type of the run.")
        return found

    def save(self, path: Path) -> None:
        """Write the file that `read` reads."""
        with atomic_write(path) as file:
            json.dump(dataclasses.asdict(self), file, indent=2, ensure_ascii=False)

    def without(self, given: Collection[str]) -> Calibration:
        """The same without the thresholds that fields of `DecodingConfig` replace: `given`, the fields' names."""
        return dataclasses.replace(
            self,
            entity_threshold=None if "entity_threshold" in given else self.entity_threshold,
            relation_thresholds={} if "threshold" in given else self.relation_thresholds,
        )


class Cutoffs(NamedTuple):
    """A `Calibration` as tensors.

    entity: float32 `()`. The lowest score of an entity.
    relations: float32 `(relation types,)`. The score of a relation is above that of its type.
    entity_scale: float32 `(2,)`, slope and intercept.
    relation_scale: float32 `(2,)`, likewise.
    """

    entity: tf.Tensor
    relations: tf.Tensor
    entity_scale: tf.Tensor
    relation_scale: tf.Tensor


def cutoffs(schema: Schema, decoding: DecodingConfig, calibration: Calibration | None) -> Cutoffs:
    """`Cutoffs` for the relation types of a schema: those of a calibration, and where it has none, of `decoding`."""
    found = calibration or Calibration()
    entity = decoding.entity_threshold if found.entity_threshold is None else found.entity_threshold
    thresholds = [found.relation_thresholds.get(name, decoding.threshold) for name in schema.relation_types]
    scales = (found.entity_scale, found.relation_scale)
    return Cutoffs(
        tf.constant(entity, tf.float32),
        tf.constant(thresholds, tf.float32),
        *(tf.constant([scale.slope, scale.intercept], tf.float32) for scale in scales),
    )
