"""Runs an export on files of sentences with Apache Beam, without a server."""
