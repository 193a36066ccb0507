"""Chooses the encoders of a run by their fingerprints, before anything of them is loaded.

A SavedModel is a program: to load it is to trust it. A run folder may come from a stranger, so it may name encoders,
but not say where they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from cman_tf.data.formats.reading import located
from cman_tf.encoders.card import FILE, Card
from cman_tf.encoders.contextual import resolve
from cman_tf.encoders.elmo import files_fingerprint
from cman_tf.errors import InputError
from cman_tf.files import encoder_folders, find_pretrained


def choose(
    modules: Sequence[str], about: Sequence[Mapping[str, Any]], allowed: Sequence[str] = (), where: str | Path = ""
) -> list[str]:
    """Folders of the encoders that a run was trained with.

    Args:
        modules: sequence of str, `encoder.modules` of the run. Only their names count, the last parts of their paths.
        about: sequence of dicts, the run's `encoders.json`.
        allowed: sequence of str. Folders or addresses that the user trusts, beside the folder of encoders.
        where: str or path. The run folder, for errors.

    Returns:
        list of str. In the folder of encoders, the folder of that name; or one of `allowed`. Each has the fingerprint
        of the run's encoder.

    Raises:
        InputError: if there is none, or an address of `allowed` cannot be downloaded.
    """
    if len(modules) != len(about):
        raise InputError(
            f"A run must describe each of its encoders in encoders.json. Received: {len(about)} for "
            f"{len(modules)} encoders in {where}"
        )
    if not all(isinstance(kept, Mapping) for kept in about):
        raise InputError(f"An encoder in encoders.json must be a JSON object. Received: {where}")
    given = [resolve(find_pretrained(handle)) for handle in allowed]
    return [_choose(module, kept, given, where) for module, kept in zip(modules, about)]


def _choose(module: str, kept: Mapping[str, Any], given: Sequence[str], where: str | Path) -> str:
    name = encoder_name(module)
    named = [str(folder / name) for folder in encoder_folders()] if name not in ("", ".", "..") else []
    found = {
        folder: fingerprint(folder) for folder in (*given, *named) if tf.io.gfile.exists(f"{folder}/saved_model.pb")
    }
    for folder, mark in found.items():
        if mark == kept.get("fingerprint"):
            return folder
    if found:
        folder, mark = next(iter(found.items()))
        raise InputError(
            f"An encoder must be the one that the run was trained with, {kept.get('name')} with fingerprint "
            f"{kept.get('fingerprint')}. Received: {folder} with fingerprint {mark} for {where}"
        )
    raise InputError(
        f"The encoders of a run must be in the folder of encoders, {encoder_folders()[0]}, or be allowed with "
        f"`--allow-encoder PATH`. Received: {module} for {where}, which is in neither"
    )


def encoder_name(module: str) -> str:
    """Name of an encoder in the folder of encoders: the last part of its path or address."""
    return re.split(r"[/\\]", module.rstrip("/\\"))[-1]


def fingerprint(folder: str) -> str:
    """Fingerprint of an encoder, from its files alone: that of its card, or of ELMo's files, which have no card.

    Raises:
        InputError: if the card is invalid.
    """
    card = os.path.join(folder, "assets", FILE)
    if not tf.io.gfile.exists(card):
        return files_fingerprint(folder)
    with located(card), tf.io.gfile.GFile(card, "rb") as file:
        return Card.parse(file.read().decode("utf-8", "replace")).fingerprint
