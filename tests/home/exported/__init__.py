"""Homes that an earlier version has exported, to be continued by this one."""
