"""Flows that fix an issue, a module for each kind of issue."""
