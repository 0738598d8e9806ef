"""What an export will come to, before anything is sent."""
