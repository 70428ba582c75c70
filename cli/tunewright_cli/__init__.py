"""The command line: run, validate, submit, watch."""
