"""`python -m reproduction`."""

import sys

from cman_tf.commands import cli
from reproduction.command import command

if __name__ == "__main__":
    sys.exit(cli.run("python -m reproduction", command))
