"""Answers without a server: many sentences in files, computed by whatever runs Apache Beam."""
