"""Tests of the mending of sums."""
