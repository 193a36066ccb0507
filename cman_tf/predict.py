"""`python -m cman_tf.predict`: the same as `cman predict`."""

from cman_tf.commands.main import main

if __name__ == "__main__":
    main("predict")
