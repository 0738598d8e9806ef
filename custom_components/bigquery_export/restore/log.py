"""The row about a restore in the export log, which is written once whatever crashes."""

from dataclasses import replace
from time import time
from typing import Any

from homeassistant.const import __version__ as HOME_ASSISTANT_VERSION
from homeassistant.util import dt as dt_util

from ..export.delivery import Outcome as Settled
from ..export.log_transaction import write_log
from ..export.session import Session
from ..rows.export_log import EXPORT_LOG
from ..rows.statistics import STATISTICS
from ..rows.table import timestamp
from .report import RestoreReport
from .request import RestoreFile, RestoreState


async def async_log(
    session: Session, file: RestoreFile, state: RestoreState, report: RestoreReport
) -> None:
    """Write the row about a restore that has ended. Raises ExportError.

    The name of its transaction is saved before the commit, so that it is not written twice.
    """
    if state.log:
        delivery = session.journal.deliveries[state.log_delivery]
        age = time() - state.logged
        settled = await session.async_block(delivery.settle, EXPORT_LOG, state.log, age)
        if settled in (Settled.COMMITTED, Settled.COMMITTED_NOW):
            return
    log = await session.async_block(write_log, session.delivery, _values(session, state, report))
    logged = replace(state, log=log.name, log_delivery=session.delivery.name, logged=time())
    await session.async_block(file.save, logged)
    await session.async_block(log.commit)


def _values(session: Session, state: RestoreState, report: RestoreReport) -> dict[str, Any]:
    span = list(report.span)
    return {
        **session.log_header,
        "table_name": STATISTICS.name,
        "first_id": None,
        "last_id": None,
        "first_time": _microseconds(min(span)) if span else None,
        "last_time": _microseconds(max(span)) if span else None,
        "row_count": state.imported,
        "byte_count": 0,
        "rejected": report.total("left_out"),
        "started": timestamp(session.result.started),
        "finished": timestamp(dt_util.utcnow()),
        "home_assistant_version": HOME_ASSISTANT_VERSION,
        "user_id": state.request.user_id,
        "outcome": report.outcome.value,
    }


def _microseconds(time: float) -> int:
    return round(time * 1_000_000)
