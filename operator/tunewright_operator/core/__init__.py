"""Pure decisions: from what is seen to what should be. No clock, no network, no kopf."""
