"""Speed of the project on this machine, also beside a build of the same network from stock Keras parts."""

# Chooses Keras 2, which must happen before TensorFlow is imported.
import cman_tf  # noqa: F401
