"""Choices of options that concern nothing but settings."""

from dataclasses import dataclass
from enum import StrEnum
import re

MAX_QUERY_MEGABYTES = 10_000_000
"""Megabytes that a limit of queries may have: 60 US dollars."""
RECORDER_PREFIX = re.compile(r"(\w{1,1024}\.)?[A-Za-z_]\w{0,63}|\w{1,1024}\.", re.ASCII)
"""What may stand before the recorder's names: a dataset with a dot, a prefix that needs no quotes
in SQL, or both (BigQuery's page "Create datasets", "Name datasets")."""


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


@dataclass(frozen=True, slots=True)
class QueryChoice:
    """Whether BigQuery may be asked, by whom, what, and for how much."""

    enabled: bool = False
    megabytes: int = 1_000
    """Megabytes (2^20 bytes) that one query may be billed for."""
    day_megabytes: int = 10_000
    """Megabytes that all queries of a day may be billed for: 300,000 a month are free."""
    other_datasets: bool = False
    all_users: bool = False
    """Whether users may ask who are no administrators."""
