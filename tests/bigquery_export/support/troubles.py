"""What may go wrong in a home, and what a user sees of it meanwhile and afterwards.

`scenarios/test_troubles.py` brings each of them about, and holds it to be true.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from errno import ENOSPC
import json
import os
from typing import Any

from google.auth import _helpers
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import (
    CONF_KEY_JSON,
    CONF_SERVICE_ACCOUNT_KEY,
    DOMAIN,
)
from custom_components.bigquery_export.export import damaged_rows, files, rejected_rows
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

from .damage import overwrite
from .recording import execute, record
from .warehouse import Warehouse

REAUTH = "reauth"
"""Shown: the flow that asks for a new key."""


@dataclass(slots=True)
class Home:
    """A home that exports, in which something goes wrong."""

    hass: HomeAssistant
    entry: MockConfigEntry
    warehouse: Warehouse
    patch: pytest.MonkeyPatch

    @property
    def key(self) -> dict[str, Any]:
        """Return the key that it uses."""
        key: dict[str, Any] = self.entry.data[CONF_SERVICE_ACCOUNT_KEY]
        return key

    @property
    def flows(self) -> list[Any]:
        """Return the flows that ask the user for something."""
        return list(self.hass.config_entries.flow.async_progress_by_handler(DOMAIN))

    def need_token(self) -> None:
        """Let it ask for an access token before its next call, as it does once in an hour."""
        self.entry.runtime_data.runner._connection._credentials.token = None


type Step = Callable[[Home], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that goes wrong for more than an hour, and then is over."""

    name: str
    begin: Step
    end: Step
    at_once: str
    """The status when the first export meets it: idle, retrying or failed."""
    shows: frozenset[str] = frozenset()
    """The repair issues, and `REAUTH`, while it lasts; afterwards there is none."""
    person: bool = False
    """Whether it ends only when a person does something."""

    @property
    def shows_later(self) -> frozenset[str]:
        """Return what is shown when it has lasted for a day."""
        failed = {"export_failed"} if self.at_once == "retrying" else set[str]()
        return self.shows or frozenset(failed)


def _answers(*answers: str, **rule: Any) -> tuple[Step, Step]:
    """Return steps that let methods of BigQuery answer something else, as "method kind"."""

    async def begin(home: Home) -> None:
        home.need_token()
        for answer in answers:
            method, kind = answer.split()
            home.warehouse.server.add_fault(method, kind, times=None, **rule)

    async def end(home: Home) -> None:
        home.warehouse.server.clear_faults()

    return begin, end


async def _set_clock(home: Home) -> None:
    """Let the clock be two hours ahead for what signs requests."""
    right = _helpers.utcnow
    home.patch.setattr(_helpers, "utcnow", lambda: right() + timedelta(hours=2))  # type: ignore[no-untyped-call]
    home.need_token()


async def _set_clock_right(home: Home) -> None:
    home.patch.undo()
    home.need_token()


async def _delete_key(home: Home) -> None:
    home.warehouse.server.delete_key(home.key["client_email"], home.key["private_key_id"])
    home.need_token()


async def _give_new_key(home: Home) -> None:
    key = home.warehouse.server.create_key(home.key["client_email"])
    (flow,) = home.flows
    configure = home.hass.config_entries.flow.async_configure
    result = await configure(flow["flow_id"], {CONF_KEY_JSON: json.dumps(key)})
    assert result["reason"] == "reauth_successful"


async def _take_roles(home: Home) -> None:
    home.warehouse.grant(home.key)


async def _give_roles(home: Home) -> None:
    home.warehouse.grant(home.key, DATA_EDITOR, JOB_USER)


async def _delete_table(home: Home) -> None:
    home.warehouse.server.query("DROP TABLE home.sensor_data", home.warehouse.project)


async def _make_table(home: Home) -> None:
    """Reload, which makes the table, and send again what was in it."""
    await home.hass.config_entries.async_reload(home.entry.entry_id)
    data = {"force": True}
    await home.hass.services.async_call(DOMAIN, "export_now", data, blocking=True)


async def _export_elsewhere(home: Home) -> None:
    home.warehouse.export_elsewhere()


async def _take_over(home: Home) -> None:
    await home.entry.runtime_data.runner.async_take_over()


async def _fill_disk(home: Home) -> None:
    def write(*_: object, **__: object) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    home.patch.setattr(files, "write_utf8_file_atomic", write)
    home.patch.setattr(files, "_force", write)


async def _make_room(home: Home) -> None:
    home.patch.undo()


async def _refuse_row(home: Home) -> None:
    home.warehouse.server.add_fault(
        "AppendRows", "row_errors", containing='{"number":17}', times=None
    )


async def _send_again(home: Home) -> None:
    home.warehouse.server.clear_faults()
    await home.hass.services.async_call(DOMAIN, "retry_rejected", {}, blocking=True)


def _writes(change: str, rows: int = 1) -> Step:
    """Return a step that changes rows of an entity of their own behind the recorder's back."""

    async def begin(home: Home) -> None:
        await record(home.hass, rows, name="odd")
        odd = "metadata_id = (SELECT metadata_id FROM states_meta WHERE entity_id = 'sensor.odd0')"
        await execute(home.hass, change.format(odd=odd))

    return begin


async def _nothing(home: Home) -> None:
    """Wait: nobody has to do anything."""


async def _discard(home: Home) -> None:
    await home.hass.services.async_call(DOMAIN, "discard_rejected", {}, blocking=True)


async def _flood(home: Home) -> None:
    home.patch.setattr(rejected_rows, "MAX_BYTES", 2_000)
    await _writes(_NO_TIME, 20)(home)


async def _discard_flood(home: Home) -> None:
    await _discard(home)
    await home.entry.runtime_data.runner.missing.async_acknowledge_left_out()


async def _damage_page(home: Home) -> None:
    home.patch.setattr(damaged_rows, "_PAUSE", 0.0)
    await _writes("UPDATE states SET state = 'damaged' WHERE {odd} AND state = '150'", 300)(home)
    assert await overwrite(home.hass, b"damaged")


async def _acknowledge_gap(home: Home) -> None:
    await home.entry.runtime_data.runner.missing.async_acknowledge_gaps()


async def _let_expire(home: Home) -> None:
    """Let the table expire, which a start notices."""
    with home.warehouse.connecting() as connection:
        table = connection.tables.get_table(connection.destination.table_id)
        table.expires = dt_util.utcnow() + timedelta(days=60)
        connection.tables.update_table(table, ["expires"])
    await home.hass.config_entries.async_reload(home.entry.entry_id)


async def _keep_for_ever(home: Home) -> None:
    await home.entry.runtime_data.runner.tables.async_keep_for_ever()


def _passing(name: str, steps: tuple[Step, Step]) -> Trouble:
    return Trouble(name, *steps, "retrying")


def _failing(name: str, issue: str, begin: Step, end: Step) -> Trouble:
    return Trouble(name, begin, end, "failed", frozenset({issue}), person=True)


def _exported(
    name: str, begin: Step, end: Step = _nothing, *, shows: Iterable[str] = ()
) -> Trouble:
    """Return one that keeps no export from going on."""
    issues = frozenset(shows)
    return Trouble(name, begin, end, "idle", issues, person=bool(issues))


_NO_TIME = "UPDATE states SET last_updated_ts = 'never' WHERE {odd}"
TROUBLES = [
    _passing("no connection", _answers("token drop", "tables.patch drop")),
    _passing("no answer in time", _answers("CreateWriteStream DEADLINE_EXCEEDED")),
    _passing("a quota that is used up", _answers("tables.patch quotaExceeded")),
    _passing("a portal's page in place of a token", _answers("token page", status=200)),
    _passing("a filter that forbids to ask for a token", _answers("token page", status=403)),
    _passing("a proxy that wants a password", _answers("token page", status=407)),
    _passing("nothing in place of a token", _answers("token empty", status=200)),
    _passing("a clock that is wrong", (_set_clock, _set_clock_right)),
    _passing("a filter's page in place of BigQuery", _answers("tables.patch page", status=403)),
    _failing("a key that was deleted", REAUTH, _delete_key, _give_new_key),
    _failing("a role that was taken away", "permission_missing", _take_roles, _give_roles),
    _failing(
        "an API that was disabled", "api_disabled", *_answers("tables.patch accessNotConfigured")
    ),
    _failing("billing that ended", "billing_disabled", *_answers("CreateWriteStream free_tier")),
    _passing("a table that is not found yet", _answers("CreateWriteStream NOT_FOUND")),
    _passing("a connection that ends each time", _answers("AppendRows ABORTED")),
    _failing("a table that was deleted", "table_not_found", _delete_table, _make_table),
    _failing("a copy of the home that exports", "another_export", _export_elsewhere, _take_over),
    _failing("a disk that is full", "export_failed", _fill_disk, _make_room),
    _exported("a row that BigQuery refuses", _refuse_row, _send_again, shows=["rows_rejected"]),
    _exported("a row without a time", _writes(_NO_TIME), _discard, shows=["rows_rejected"]),
    _exported(
        "more rejected rows than are kept",
        _flood,
        _discard_flood,
        shows=["rows_rejected", "rows_left_out"],
    ),
    _exported(
        "a state that is not UTF-8",
        _writes("UPDATE states SET state = CAST(X'32e9' AS TEXT) WHERE {odd}"),
    ),
    _exported(
        "attributes that are no JSON",
        _writes(
            "UPDATE state_attributes SET shared_attrs = '{{' WHERE attributes_id IN"
            " (SELECT attributes_id FROM states WHERE {odd})"
        ),
    ),
    _exported(
        "a damaged page of SQLite's file", _damage_page, _acknowledge_gap, shows=["rows_lost"]
    ),
    _exported("a table that will expire", _let_expire, _keep_for_ever, shows=["expiring"]),
]
