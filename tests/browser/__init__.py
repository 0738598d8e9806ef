"""Tests of what a user sees, in a real browser before a real Home Assistant."""
