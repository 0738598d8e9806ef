"""Dimension tables: slowly changing dimensions of type 2."""
