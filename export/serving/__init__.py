"""The embedded server: TensorFlow Serving's protocol on one SavedModel, for development, tests and small sites."""
