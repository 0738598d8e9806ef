"""What a config entry says: destination, options, schedule and age of the key."""
