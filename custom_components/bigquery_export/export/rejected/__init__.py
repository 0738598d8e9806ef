"""Rows that could not be sent: the dead-letter file, and sending them again."""
