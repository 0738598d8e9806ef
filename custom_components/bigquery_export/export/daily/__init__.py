"""Statistics by the day, which Home Assistant computes from its hours."""
