"""Connections to the recorder's database."""

from contextlib import suppress

from homeassistant.components.recorder.db_schema import StatesMeta
from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
import pytest
from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import DBAPIError

from custom_components.bigquery_export.source.connections import connected
from custom_components.bigquery_export.source.reader import TableReader
from custom_components.bigquery_export.source.states import STATES
from tests.bigquery_export.support.databases import ON_EACH_DATABASE, in_recorder, insert_rows

COUNT = select(func.count()).select_from(StatesMeta)


@ON_EACH_DATABASE
async def test_connected(hass: HomeAssistant) -> None:
    """A connection reads what there is, and its transaction ends with it, also by an error."""

    def read() -> None:
        with connected(hass) as connection:
            assert connection.execute(text("SELECT count(*) FROM states")).scalar() == 0
            assert connection.in_transaction()
        assert connection.closed
        with suppress(DBAPIError), connected(hass) as connection:
            connection.execute(text("SELECT nothing"))
        assert connection.closed
        with connected(hass) as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1

    await in_recorder(hass, read)


async def test_without_a_recorder(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the recorder has shut down there is no database."""
    with monkeypatch.context() as patch:
        patch.setattr(get_instance(hass), "engine", None)
        with pytest.raises(RuntimeError, match="shut down"), connected(hass):
            pass


def count(hass: HomeAssistant) -> tuple[Connection, int]:
    """Return the connection, and how many entities the recorder knows."""
    with connected(hass) as connection:
        return connection, connection.execute(COUNT).scalar_one()


@ON_EACH_DATABASE
async def test_what_is_read_together(hass: HomeAssistant) -> None:
    """It is read with one connection, and what is read afterwards sees what is new."""

    def read() -> None:
        with connected(hass) as outer:
            assert count(hass)[0] is outer
            assert count(hass)[0] is outer
            assert not outer.closed
            with TableReader[tuple[object, ...]](hass, STATES).connected() as of_reader:
                assert of_reader is outer
        assert outer.closed
        assert count(hass)[0] is not outer

    await in_recorder(hass, read)
    _, before = await in_recorder(hass, count, hass)
    await insert_rows(hass, StatesMeta, [{"entity_id": "sensor.new"}])
    connection, after = await in_recorder(hass, count, hass)
    assert (after, connection.closed) == (before + 1, True)


async def test_an_error_ends_it(hass: HomeAssistant) -> None:
    """What is read after an error has a connection of its own."""

    def read() -> None:
        with pytest.raises(ZeroDivisionError), connected(hass) as outer:
            raise ZeroDivisionError
        assert outer.closed
        assert count(hass)[0] is not outer

    await in_recorder(hass, read)
