"""What Home Assistant knows of the home besides the recorder."""
