"""The control plane. `core` decides and is pure; `shell` acts; `handlers` connects both to kopf."""
