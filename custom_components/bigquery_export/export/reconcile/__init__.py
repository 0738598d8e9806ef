"""Comparing exported rows with BigQuery, and sending again what it lacks."""
