"""Configurations: the fields (`fields.py`), sets of them (`presets/*.yaml`), and how they are read and changed."""

from cman_tf.config import (
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
from cman_tf.config.fields import Config

__all__ = [
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
