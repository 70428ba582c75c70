"""Proves the data good before a GPU is asked for: reads, checks, normalises and splits the rows of all stages together. No torch."""
