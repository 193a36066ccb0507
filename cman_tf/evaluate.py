"""`python -m cman_tf.evaluate`: the same as `cman evaluate`."""

from cman_tf.commands.main import main

if __name__ == "__main__":
    main("evaluate")
