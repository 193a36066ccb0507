"""The interfaces that people already use: spaCy, pandas, networkx."""
