"""The fields and responses of the actions."""
