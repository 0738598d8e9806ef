"""Exports and comparisons of one config entry, one job at a time."""
