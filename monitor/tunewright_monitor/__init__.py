"""Watches one served adapter: latency by fixed prompts, drift by lengths of real traffic. Never imports torch, never writes anywhere."""
