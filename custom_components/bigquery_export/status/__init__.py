"""What the user sees of an export: its status, repair issues and events."""
