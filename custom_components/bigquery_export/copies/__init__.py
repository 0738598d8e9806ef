"""Copies of an export in other destinations, each with its own position, beside BigQuery."""
