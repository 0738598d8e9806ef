"""Rows of a table in one file: writing and reading it, in each format."""
