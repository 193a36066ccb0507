"""Hyper-parameter search with Keras Tuner, on one machine or many."""

# Chooses Keras 2, which must happen before TensorFlow is imported.
import cman_tf  # noqa: F401

# Options of `cman search`: Keras Tuner's algorithms, and strict micro F1 on dev: the mean of entities and relations,
# relations alone, entities alone.
TUNERS = ("hyperband", "bayesian", "random", "grid")
OBJECTIVES = ("val_f1", "val_re_f1", "val_ner_f1")
