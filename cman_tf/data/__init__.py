"""Reads corpora from disk or the network into documents and batches."""
