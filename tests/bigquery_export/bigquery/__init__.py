"""Tests of bigquery."""
