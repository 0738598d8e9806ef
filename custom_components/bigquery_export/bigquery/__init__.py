"""Talking to Google: credentials, table administration and the Storage Write API."""
