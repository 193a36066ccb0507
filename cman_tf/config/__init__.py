"""Configuration: fields (`fields.py`), presets (`presets/*.yaml`) and reading (`reading.py`)."""

from cman_tf.config.fields import ADDED, BEFORE, PLACES, RESUMABLE, WITHOUT_EFFECT, Config
from cman_tf.config.reading import (
    all_fields,
    change,
    different,
    from_dict,
    get,
    load,
    nearest_field,
    parse_yaml,
    save,
    shipped,
    to_dict,
)

__all__ = [
    "ADDED",
    "BEFORE",
    "PLACES",
    "RESUMABLE",
    "WITHOUT_EFFECT",
    "Config",
    "all_fields",
    "change",
    "different",
    "from_dict",
    "get",
    "load",
    "nearest_field",
    "parse_yaml",
    "save",
    "shipped",
    "to_dict",
]
