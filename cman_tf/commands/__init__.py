"""The commands of the package. Each parses its arguments, calls one function and prints; `main.py` lists them."""
