"""Reproduces the paper's tables and figures with resumable trainings, one run folder each."""
