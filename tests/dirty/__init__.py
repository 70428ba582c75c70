"""Dirty data with known truth, a module a check, named as the check's own.

Each has `plant(rows, seed) -> (rows, truth)`: the rows with faults planted at places that the seed draws, and the indices of those that
its check has to find. Decoys, which look like faults and are none, are planted beside them: to find one is a false alarm. A row is what
stands in a JSONL file (see `rows`). A module may have its own `clean(count, seed)`, `LEAST_RECALL` and `WEAK`, the weak spots in words."""
