"""A small embedded corpus of news-like sentences in SpERT JSON, for trying things out; see LICENSE.md."""
