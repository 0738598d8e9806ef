"""What is shown of an export: its status, its repair issues and its events."""
