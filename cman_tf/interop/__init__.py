"""Interfaces to other tools: spaCy, displaCy, networkx, SavedModels, servers."""
