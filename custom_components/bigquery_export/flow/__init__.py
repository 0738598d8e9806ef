"""The forms of the config flow and the options flow, and their checks."""
