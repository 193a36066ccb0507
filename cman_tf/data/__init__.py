"""Corpora on disk and over the network, read into documents and batches."""
