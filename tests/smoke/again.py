"""Questions that have to be asked hours and days later, of what an earlier run has left."""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
import time

from google.api_core.exceptions import GoogleAPICallError

from custom_components.bigquery_export.bigquery.listed_rows import ListedRows
from custom_components.bigquery_export.export.delivery import Delivery, Outcome
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

from .check import Check, DiffersError, same
from .saved import ROWS, SOURCE, Saved
from .site import TIMEOUT, Site
from .streams import begin
from .wire import Append, append, commit

IDLE_SECONDS = 660.0
"""BigQuery ends connections that were idle for ten minutes."""
_EPOCH = date(1970, 1, 1)


def known_stream(site: Site, name: str) -> str:
    """Ask for a stream that was committed, and commit it once more."""
    seen = f"GetWriteStream: {_get(site, name)}; a commit: {_commit(site, name)}"
    return _settled(site.storage_write, site, name, seen, Outcome.COMMITTED)


def waiting_stream(site: Site, name: str) -> str:
    """Ask for a stream that waits for its commit, and settle it."""
    seen = f"GetWriteStream: {_get(site, name)}"
    return _settled(site.storage_write, site, name, seen, Outcome.COMMITTED_NOW)


def open_stream(site: Site, name: str) -> str:
    """Ask for a stream that was never finalized, and settle it."""
    seen = f"GetWriteStream: {_get(site, name)}; a commit: {_commit(site, name)}"
    return _settled(site.storage_write, site, name, seen, Outcome.NOT_COMMITTED)


def known_load(site: Site, name: str) -> str:
    """Settle a load job that was done."""
    return _settled(site.load_job, site, name, "a load job", Outcome.COMMITTED)


def listed(site: Site, day: int) -> str:
    """Look up the rows that were streamed then."""
    found = sum(1 for _ in ListedRows(site.connection, SOURCE).rows(SENSOR_DATA, day))
    return same(found, ROWS, f"{found} of {ROWS} rows are in their partition")


def idle_connection(site: Site, seconds: float) -> str:
    """Append to a stream, be idle, and append again, on another connection if need be."""
    stream = begin(site, "idle", 1)
    encoding = site.storage_write.encoding(SENSOR_DATA)
    time.sleep(seconds)
    ended = ""
    try:
        stream.append([encoding.fragment(site.values("idle", 2))])
    except Exception as err:
        ended = f"{type(err).__name__}: {err}; then "
    stream.close()
    answers = append(site, stream.name, Append([encoding.fragment(site.values("idle", 2))], 1))
    seen = [answer.reason or answer.code for answer in answers]
    text = f"{ended}{', '.join(seen)} at the same offset"
    return same(seen, ["OK"] if ended else ["OFFSET_ALREADY_EXISTS"], text)


def _get(site: Site, name: str) -> str:
    """Return what GetWriteStream says."""
    try:
        stream = site.connection.storage.get_write_stream(name=name, timeout=TIMEOUT)
    except GoogleAPICallError as err:
        return _code(err)
    return "committed" if stream.commit_time else "not committed"


def _commit(site: Site, name: str) -> str:
    try:
        return ", ".join(commit(site, name)) or "done"
    except GoogleAPICallError as err:
        return _code(err)


def _code(err: GoogleAPICallError) -> str:
    code = err.grpc_status_code.name if err.grpc_status_code else type(err).__name__
    return f"{code} ({err.message})"


def _settled(delivery: Delivery, site: Site, name: str, seen: str, expected: Outcome) -> str:
    """Settle a transaction as the integration does, which must not fail, however old it is."""
    outcome = delivery.settle(SENSOR_DATA, name)
    if outcome is not expected:
        raise DiffersError(f"{seen}; settled as {outcome.name}")
    return f"{seen}; settled as {outcome.name}"


_SETTLE = "StorageWriteDelivery.settle: what is FORGOTTEN is looked for row by row"


def checks(saved: Saved, idle_seconds: float) -> Iterator[Check]:
    """Yield the questions about what was saved."""
    if saved.committed:
        yield _check("a stream that was committed", partial(known_stream, name=saved.committed))
        yield _check("a stream that was left open", partial(open_stream, name=saved.open))
        day = (date.fromisoformat(saved.day) - _EPOCH).days
        yield Check(
            "rows that were streamed then",
            partial(listed, day=day),
            "all are listed by the decorator of their partition",
            "RowLookup: lists are believed after 90 minutes",
            needs=(),
        )
    for name in saved.waiting[:1]:
        yield _check("a stream that waits", partial(waiting_stream, name=name))
    if saved.load:
        yield Check(
            "a load job that was done",
            partial(known_load, name=saved.load),
            "it is known, COMMITTED",
            "LoadJobDelivery.settle",
            needs=(),
        )
    if saved.committed:
        yield Check(
            f"a connection that is idle for {idle_seconds:.0f} s",
            partial(idle_connection, seconds=idle_seconds),
            "the stream goes on where it was, on another connection if this one has ended",
            "an append that waits for a slow disk is tried again",
            needs=(),
        )


def _check(name: str, see: Callable[[Site], str]) -> Check:
    return Check(name, see, "it is known as on the first day", _SETTLE, needs=())
