"""What a config entry says: destination, options and schedule."""
