"""What actions ask for and answer with."""
