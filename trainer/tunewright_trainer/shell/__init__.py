"""Every side effect of the trainer except training itself: storage, manifests, telemetry, signals."""
