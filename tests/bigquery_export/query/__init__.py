"""Tests of the way back: statistics that return from BigQuery."""
