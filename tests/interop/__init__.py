"""Copies in real servers of every kind, compared with BigQuery row by row."""
