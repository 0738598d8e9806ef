"""Rows of any time in files: those of the recorder, and from BigQuery those that it has not."""
