"""`python -m cman_tf.fit`: the same as `cman fit`."""

from cman_tf.commands.main import main

if __name__ == "__main__":
    main("fit")
