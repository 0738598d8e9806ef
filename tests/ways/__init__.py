"""The ways in which Home Assistant itself tells of a change within milliseconds.

`docs/milliseconds.md` has them, and its configurations are those that are used here.
"""
