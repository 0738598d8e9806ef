"""Tests that are about no single module."""
