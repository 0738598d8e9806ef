"""The rows about queries in the export log, which are written once whatever crashes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from time import time
from typing import Any

from homeassistant.const import __version__ as HOME_ASSISTANT_VERSION
from homeassistant.util import dt as dt_util

from ..bigquery.select_query import Plan
from ..export.delivery import Outcome, Transaction
from ..export.log_transaction import write_log
from ..export.session import Session
from ..rows.export_log import EXPORT_LOG
from ..rows.table import timestamp
from .billing import Billing

INTERRUPTED = "interrupted"
"""The outcome of a query whose answer was lost."""


def begun_entry(query_id: str, plan: Plan, user_id: str | None, began: datetime) -> dict[str, Any]:
    """Return the row about a query that is about to begin."""
    return {
        "export_id": query_id,
        "table_name": ", ".join(_names(plan)),
        "first_id": None,
        "last_id": None,
        "first_time": None,
        "last_time": None,
        "row_count": 0,
        "rejected": 0,
        "started": timestamp(began),
        "home_assistant_version": HOME_ASSISTANT_VERSION,
        "user_id": user_id,
        **ended_entry(INTERRUPTED),
    }


def ended_entry(outcome: str) -> dict[str, Any]:
    """Return what is known of that row when the query has ended."""
    return {"finished": timestamp(dt_util.utcnow()), "outcome": outcome}


async def async_written(session: Session, billing: Billing) -> bool:
    """Return whether the rows that were about to be committed are in the export log.

    Raises ExportError.
    """
    if not billing.log or billing.log_delivery not in session.journal.deliveries:
        return False
    settled = await session.async_block(
        session.journal.deliveries[billing.log_delivery].settle,
        EXPORT_LOG,
        billing.log,
        time() - billing.logged,
    )
    return settled in (Outcome.COMMITTED, Outcome.COMMITTED_NOW)


def write_entries(session: Session, entries: Iterable[Mapping[str, Any]]) -> Transaction:
    """Return a finished transaction with rows of the export log; this blocks."""
    return write_log(session.delivery, *({**session.log_header, **entry} for entry in entries))


def _names(plan: Plan) -> list[str]:
    """Return what a query reads: the functions that it calls, else the tables."""
    return sorted({resource.name for resource in plan.routines or plan.tables}) or ["none"]
