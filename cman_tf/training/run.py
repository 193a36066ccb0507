"""The run folder: everything that a training writes and that later commands read."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cman_tf import config as configs
from cman_tf.data.formats.reading import located, read_text
from cman_tf.data.schema import Schema
from cman_tf.data.vocabulary import Vocabulary
from cman_tf.errors import InputError, WriteError, failed
from cman_tf.files import atomic_write
from cman_tf.files.leftovers import remove_leftovers
from cman_tf.model.calibration import Calibration
from cman_tf.model.ensemble import Ensemble
from cman_tf.model.network import Network
from cman_tf.predictor import Predictor
from cman_tf.training import history, run_checks, shipped, weights_file
from cman_tf.training.origin import environment

if TYPE_CHECKING:
    from cman_tf.encoders.combined import Encoders
    from cman_tf.model.cman import Cman


class Run:
    """A folder with `config.yaml`, `labels.json`, `vocabulary/`, `environment.json`, `weights.h5`, `history.csv`,
    `metrics.json`, `logs/` (TensorBoard), `predictions/` and `report.html`; with contextual encoders also
    `encoders.json`, which describes them, and with fitted thresholds `calibration.json`. If the encoders were trained,
    `weights.h5` includes their weights. An ensemble has no weights of its own but the run folders `members/1`,
    `members/2`, ... The folder can be moved.

    Args:
        path: str or path.
        allow_encoders: sequence of str. Folders or addresses from which its encoders may be loaded, beside the folder
            of encoders.
    """

    def __init__(self, path: str | Path, allow_encoders: Sequence[str] = ()) -> None:
        self.path = Path(path)
        self.allow_encoders = tuple(allow_encoders)
        self.weights = self.path / "weights.h5"
        self.checkpoints = self.path / "checkpoints"
        self.logs = self.path / "logs"
        self.calibration = self.path / "calibration.json"
        self.metrics = self.path / "metrics.json"
        self.report = self.path / "report.html"
        self.predictions = self.path / "predictions"

    @staticmethod
    def check_new(path: str | Path) -> None:
        """Raise `InputError` unless `path` is a new or empty folder."""
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(
                f"A new run needs a new or empty folder; resume the run in it with --resume. Received: {path}"
            )

    @classmethod
    def create(cls, path: str | Path, network: Network, fingerprint: str, **origin: str) -> Run:
        """Begin a run in a new or empty folder.

        Args:
            path: str or path.
            network: `Network`. Everything but its weights is written.
            fingerprint: str. That of the training data, see `cman_tf.training.origin.fingerprint`.
            **origin: str. Further entries of `environment.json`.

        Raises:
            InputError: if the folder is not empty, or cannot be written.
        """
        cls.check_new(path)
        run = cls(path)
        existed = run.path.exists()
        try:
            run._begin(network, {"corpus_sha256": fingerprint, **origin})
        except BaseException as error:
            # An incomplete run could be neither resumed nor begun again.
            shutil.rmtree(run.path, ignore_errors=True)
            if existed:
                run.path.mkdir(exist_ok=True)
            if isinstance(error, OSError):
                raise failed("write", f"the run folder {path}", error) from None
            raise
        return run

    def _begin(self, network: Network, origin: Mapping[str, str]) -> None:
        network.vocabulary.save(self.path / "vocabulary")
        with atomic_write(self.path / "labels.json") as file:
            file.write(network.schema.to_json())
        configs.save(network.config, self.path / "config.yaml")
        if network.encoders:
            with atomic_write(self.path / "encoders.json") as file:
                json.dump(network.encoders.about, file, indent=2)
        # Written last: a folder that has it has the rest.
        with atomic_write(self.path / "environment.json") as file:
            json.dump(
                {
                    "format": run_checks.FORMAT,
                    "seed": network.config.seed,
                    **origin,
                    **environment(),
                },
                file,
                indent=2,
            )

    @classmethod
    def open(cls, path: str | Path, trained: bool = True, allow_encoders: Sequence[str] = ()) -> Run:
        """Check that a folder is a run that this version can read; print on standard error if it is unfinished.

        Args:
            path: str or path. A run folder, or the name of a shipped model.
            trained: bool. Whether it must have weights. Default True.
            allow_encoders: sequence of str, see the class.

        Raises:
            InputError: if the folder is missing, incomplete or from an incompatible version, or one of its files is a
                link to a place outside of it.
        """
        run = cls(shipped.folder(path), allow_encoders)
        run_checks.check(run, path, trained)
        return run

    def environment(self) -> dict[str, Any]:
        """Versions, machine, seed and corpus of the run, a dict."""
        return dict(self._json("environment.json", dict))

    def about_encoders(self) -> list[dict[str, Any]]:
        """Name, layers, width, casing, licence and fingerprint of each contextual encoder: list of dicts."""
        return self._json("encoders.json", list) if (self.path / "encoders.json").exists() else []

    def _json(self, name: str, kind: type[dict] | type[list]) -> Any:
        path = self.path / name
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"A run's file must be valid JSON. Received: {path} ({error})") from None
        if not isinstance(value, kind):
            raise InputError(
                f"A run's file must contain a JSON {'object' if kind is dict else 'array'}. Received: {path}"
            )
        return value

    def config(self, overrides: dict[str, Any] | None = None) -> configs.Config:
        """The run's `Config`, with some fields changed."""
        path = str(self.path / "config.yaml")
        config = configs.load(path)
        values = self.values()
        missing = {}
        for name, value in configs.BEFORE.items():
            section, _, field = name.partition(".")
            if field not in (values.get(section) or {}):
                missing[name] = value
        return configs.change(config, {**missing, **(overrides or {})})

    def values(self) -> dict[str, Any]:
        """Content of `config.yaml` as it is: a dict."""
        return configs.parse_yaml((self.path / "config.yaml").read_text(encoding="utf-8")) or {}

    def schema(self) -> Schema:
        """The run's `Schema`."""
        path = self.path / "labels.json"
        text = read_text(path)
        with located(str(path)):
            return Schema.from_json(text)

    def vocabulary(self) -> Vocabulary:
        """The run's `Vocabulary`."""
        return Vocabulary.read(self.path / "vocabulary")

    def network(self, overrides: dict[str, Any] | None = None, trained: bool = True) -> Network:
        """The run's `Network`.

        Args:
            overrides: dict of dotted config fields, for other decoding, e.g. `{"decoding.threshold": 0.4}`
                (given thresholds replace fitted ones), or for files that were moved. Encoders among them
                are allowed, see the class.
            trained: bool. Whether to load the weights of the run; if not, the network has those that a training starts
                from. Default True.

        Raises:
            InputError: if an encoder cannot be loaded or is not the one that the run was trained with, or the weights
                do not fit the configuration.
        """
        config = self.config(overrides)
        moved = "encoder.modules" in (overrides or {})
        allowed = config.encoder.modules if moved else self.allow_encoders
        network = self._network(overrides, self._encoders(config, allowed), trained)
        calibration = Calibration.read(self.calibration, network.schema) if trained else None
        if calibration:
            calibration = calibration.without([name.replace("decoding.", "", 1) for name in overrides or {}])
        return dataclasses.replace(network, calibration=calibration)

    def _network(self, overrides: dict[str, Any] | None, encoders: Encoders | None, trained: bool) -> Network:
        config, members = self.config(overrides), self.members()
        if members:
            networks = [member._network(overrides, encoders, trained) for member in members]
            ensemble = Ensemble([network.model for network in networks])
            return dataclasses.replace(networks[0], config=config, model=cast("Cman", ensemble))
        network = Network.build(config, self.schema(), self.vocabulary(), encoders)
        if trained:
            self.load_weights(network)
        return network

    def _encoders(self, config: configs.Config, allowed: Sequence[str]) -> Encoders | None:
        if not config.encoder.modules:
            return None
        # tensorflow-hub and tensorflow-text take seconds to import.
        from cman_tf.encoders.choosing import choose
        from cman_tf.encoders.combined import Encoders

        encoders = Encoders(choose(config.encoder.modules, self.about_encoders(), allowed, self.path))
        encoders.check(self.about_encoders(), self.path)
        return encoders

    def predictor(self, overrides: dict[str, Any] | None = None) -> Predictor:
        """A `Predictor` of the trained network; `overrides` as for `network`."""
        return Predictor(self.network(overrides))

    def load_weights(self, network: Network) -> None:
        """Load `weights.h5` into a network of this run, and into its encoders if they were trained."""
        weights_file.load(self.weights, network)

    def save_weights(self, network: Network) -> None:
        """Replace `weights.h5` atomically; includes the weights of encoders that are trained.

        Thresholds that were fitted for the weights before are removed.
        """
        self.calibration.unlink(missing_ok=True)
        weights_file.save(self.weights, network)

    def members(self) -> list[Run]:
        """The runs of an ensemble; none for a run of one network."""
        count = self.environment().get("members", 0)
        if not isinstance(count, int):
            raise InputError(
                f"`members` must be a whole number. Received: {count!r} in {self.path / 'environment.json'}"
            )
        return [Run(self.path / "members" / str(number), self.allow_encoders) for number in range(1, count + 1)]

    def refuse_ensemble(self, what: str) -> None:
        """Raise `InputError` if the run is an ensemble; `what` says what needs a run of one network."""
        if self.members():
            raise InputError(
                f"{what} needs a run of one network, such as {self.path / 'members' / '1'}. Received: {self.path}, an "
                "ensemble"
            )

    def checkpoint(self) -> str | None:
        """Path of the latest complete checkpoint, or None."""
        import tensorflow as tf

        # Not `latest_checkpoint`, which reads a [ in the name of a folder as a pattern.
        state = tf.train.get_checkpoint_state(str(self.checkpoints))
        path = state.model_checkpoint_path if state else None
        return path if path and Path(f"{path}.index").is_file() else None

    def finished(self) -> bool:
        """Whether the last epoch is done: its row and weights are written, and the checkpoints are removed."""
        return (
            len(self.history()) == self.config().training.epochs
            and self.weights.is_file()
            and self.checkpoint() is None
        )

    def check_there(self) -> None:
        """Raise `WriteError` if the folder was removed or renamed: writing would make another, half a run."""
        if not (self.path / "config.yaml").is_file():
            raise WriteError(
                f"The run folder {self.path} was removed or renamed during the training. Resume it under its new name, "
                "or train again."
            )

    def remove_leftovers(self) -> None:
        """Remove temporary files that killed trainings left in the folder."""
        for folder in (self.path, self.predictions, self.path / "vocabulary"):
            remove_leftovers(folder)

    def remove_checkpoints(self) -> None:
        """Remove the checkpoints at once: a resumed training cannot use some of their files."""
        gone = self.path / ".checkpoints"
        shutil.rmtree(gone, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            self.checkpoints.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def history(self) -> list[dict[str, Any]]:
        """Rows of `history.csv`, see `cman_tf.training.history.read`; none before the first epoch."""
        return history.read(self.path / "history.csv")

    def save_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write `history.csv`, one row per epoch."""
        history.write(self.path / "history.csv", rows)
