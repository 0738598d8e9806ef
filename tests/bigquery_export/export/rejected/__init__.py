"""Tests of export/rejected."""
