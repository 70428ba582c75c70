"""Publishes the evaluated candidate: its very bytes, with card and provenance, manifest last, read back and verified."""
