"""What Home Assistant knows about the home besides the recorder's database."""
