"""Damage to the recorder's database file, page by page."""

from pathlib import Path

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import get_instance
from sqlalchemy import Connection

from tests.bigquery_export.support.databases import in_database

TABLE = 0x0D
INDEX = 0x0A
"""The first byte of a page with rows, of a table or an index (SQLite's page "Database File
Format")."""


async def root_page(hass: HomeAssistant, name: str) -> int:
    """Return the number of the first page of a table or index."""
    found = "SELECT rootpage FROM sqlite_master WHERE name = ?"
    return await in_database(
        hass, lambda connection: connection.exec_driver_sql(found, (name,)).scalar_one()
    )


async def overwrite(hass: HomeAssistant, marker: bytes, *kinds: int) -> int:
    """Overwrite the first 100 bytes of all pages with rows that have a text; return how many.

    Without `kinds` they are pages of tables.
    """
    await in_database(hass, _write_down)
    path = _file(hass)
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18]) or 65_536
    places = [
        start
        for start in range(size, len(data), size)
        if data[start] in (kinds or (TABLE,)) and marker in data[start : start + size]
    ]
    for start in places:
        _damage(path, start)
    await in_database(hass, _forget)
    return len(places)


async def overwrite_page(hass: HomeAssistant, number: int) -> None:
    """Overwrite the first 100 bytes of a page."""
    await in_database(hass, _write_down)
    path = _file(hass)
    size = int.from_bytes(path.read_bytes()[16:18]) or 65_536
    _damage(path, (number - 1) * size)
    await in_database(hass, _forget)


def _damage(path: Path, start: int) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * 100)


def _file(hass: HomeAssistant) -> Path:
    return Path(get_instance(hass).db_url.removeprefix("sqlite:///"))


def _write_down(connection: Connection) -> None:
    """Write everything from the write-ahead log into the file."""
    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _forget(connection: Connection) -> None:
    """Let all connections read all pages anew.

    The others do so when one has written something (SQLite's page "Write-Ahead Logging").
    """
    connection.exec_driver_sql("PRAGMA shrink_memory")
    (version,) = connection.exec_driver_sql("PRAGMA user_version").one()
    connection.exec_driver_sql(f"PRAGMA user_version = {version + 1}")
