"""How fast the project is on this machine, beside a build of the same network from stock parts."""
