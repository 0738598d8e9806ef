"""Tests of the fields and responses of the actions."""
