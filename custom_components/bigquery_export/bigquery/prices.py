"""What BigQuery costs, in US dollars, and what of it is free (its page "Pricing", August 2026)."""

from ..rows.encoding import Encoding
from ..rows.table import Table
from .protobuf import ProtobufEncoding

GIB = 2**30
TIB = 2**40
FREE_SENDING = 2 * TIB
"""Bytes a month that are sent by the Storage Write API."""
SENDING_PRICE = 0.025
"""For each further GiB. Load jobs are free."""
FREE_STORAGE = 10 * GIB
"""Bytes of storage."""
STORAGE_PRICE = 0.02
"""For each further GiB and month; half of it for what has not changed for 90 days."""
QUERY_PRICE = 6.25
"""For each TiB that queries read, after the first one in a month, which is free."""
LEAST_QUERY_BYTES = 10 * 2**20
"""The least number of bytes that a query is charged for each table."""


def billed_encoding(table: Table) -> Encoding:
    """Return the encoding whose bytes the Storage Write API bills: rows as they are sent."""
    return ProtobufEncoding(table)
