"""Holds the tuned model against the base model, on rows that no stage has trained on."""
