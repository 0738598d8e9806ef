"""Copies of an export in other destinations."""
