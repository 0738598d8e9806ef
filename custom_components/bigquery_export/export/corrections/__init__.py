"""Statistics that Home Assistant has changed after they were exported."""
