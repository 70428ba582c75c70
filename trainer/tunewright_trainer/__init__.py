"""The data plane: what runs in a pod of a step, or on a laptop. It speaks to object storage and to nothing else."""
