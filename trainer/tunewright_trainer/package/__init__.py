"""Builds the candidate in the form that will be served, and fixes its digest before it is evaluated."""
