"""Hyper-parameter search with Keras Tuner, on one machine or many."""

# What `python -m tuning.search` takes: Keras Tuner's algorithms, and strict micro F1 on dev of entities and relations
# (mean of both), of relations, of entities.
TUNERS = ("hyperband", "bayesian", "random", "grid")
OBJECTIVES = ("val_f1", "val_re_f1", "val_ner_f1")
