"""Generators of dirty data with known truth, one for each check: `plant(rows, seed) -> (rows, truth)`."""
