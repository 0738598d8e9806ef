"""When an export begins."""
