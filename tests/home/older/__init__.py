"""Databases that older versions of Home Assistant made, and what makes them."""
