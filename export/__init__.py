"""From a trained run to a model that is served: export, check, server, client."""

# Chooses Keras 2, which must happen before TensorFlow is imported.
import cman_tf  # noqa: F401
