"""Estimates of an export before anything is sent."""
