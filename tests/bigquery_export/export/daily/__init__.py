"""Tests of statistics by the day."""
