"""Training: one recipe a file, sharing functions and no base class. TRL is wrapped, never subclassed."""
