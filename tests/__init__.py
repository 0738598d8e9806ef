"""Tests, and the real parts that they run against."""
