"""A query as it is asked for, and the answer to it."""

from dataclasses import dataclass

from ..bigquery.prices import QUERY_PRICE, TIB
from ..bigquery.select_query import Answer, Plan, Statement

MEGABYTE = 2**20
"""What BigQuery calls a megabyte."""


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """What to ask, for whom, and what it may come to."""

    statement: Statement
    max_rows: int = 1_000
    max_megabytes: int | None = None
    """Megabytes that it may be billed for; None for what the options allow."""
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """What a query has found, what BigQuery said of it before, and how long it took."""

    plan: Plan
    answer: Answer
    seconds: float


def price(size: int) -> float:
    """Return what so many bytes cost, in US dollars, when the free ones are used up."""
    return size / TIB * QUERY_PRICE
