"""Kills, faults and damaged databases, after which each row must be in BigQuery exactly once."""
