"""Choices of options that concern nothing but settings."""

from enum import StrEnum


class Notifications(StrEnum):
    """Which events create a notification."""

    OFF = "off"
    ERRORS = "errors"
    ALL = "all"


class PartitionFilter(StrEnum):
    """Whether queries of large tables require a filter by time."""

    KEEP = "keep"
    ON = "on"
    OFF = "off"
