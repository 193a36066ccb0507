"""Speed of the project on this machine, also beside a build of the same network from stock Keras parts."""
