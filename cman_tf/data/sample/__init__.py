"""A small embedded corpus of news-like sentences in SpERT JSON, for trials; see LICENSE.md."""
