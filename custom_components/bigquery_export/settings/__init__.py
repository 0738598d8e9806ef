"""The settings in a config entry: destination, options, schedule and age of the key."""
