"""What a user types into the form of each kind of copy: first something wrong, then what fits."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.bigquery_export.support.copy_folder import CopyFolder
from tests.bigquery_export.support.copy_place import CopyPlace
from tests.bigquery_export.support.databases import empty_database
from tests.bigquery_export.support.influxdb_copies import InfluxdbPlace
from tests.bigquery_export.support.postgresql_copies import CopyDatabase
from tests.local_influxdb.server import LocalInfluxdb, serve


@dataclass(frozen=True, slots=True)
class CopyForm:
    """The form of a copy, and the place that the copy goes to."""

    place: CopyPlace
    typed: Mapping[str, str]
    """Texts by field, of which something does not fit."""
    error: str
    """The key of the sentence about that."""
    retyped: Mapping[str, str] = MappingProxyType({})
    """Texts that fit."""
    chosen: str = ""
    """The key of a choice that fits."""
    shown: Mapping[str, str] = MappingProxyType({})
    """What some of the fields have when the form is opened again."""


def _texts(place: CopyPlace, *fields: str) -> dict[str, str]:
    return {field: str(place.data[field]) for field in fields}


@contextmanager
def _in_postgresql(home: Path) -> Iterator[CopyForm]:
    with empty_database("postgresql", home) as url:
        place = CopyDatabase(url)
        typed = _texts(place, "host", "database", "username")
        off = "selector.tls.options.off"
        yield CopyForm(place, typed, "postgresql_tls", chosen=off, shown=typed | {"password": ""})


@contextmanager
def _in_files(home: Path) -> Iterator[CopyForm]:
    # The files of that folder are given to anybody who asks for them.
    typed = {"folder": str(home / "www" / "copy")}
    retyped = {"folder": str(home / "copy")}
    place = CopyFolder(home / "copy", source="")
    yield CopyForm(place, typed, "folder_not_allowed", retyped, shown=retyped)


@contextmanager
def _in_influxdb(_: Path) -> Iterator[CopyForm]:
    influxdb = LocalInfluxdb()
    with serve(influxdb):
        place = InfluxdbPlace(influxdb)
        kept = _texts(place, "url", "database", "organization")
        # Whatever was typed last, the error has to be seen.
        typed = {"token": "wrong", **kept}
        retyped = {"token": influxdb.secret}
        yield CopyForm(place, typed, "influxdb_access", retyped, shown=kept | {"token": ""})


COPY_FORMS: Mapping[str, Callable[[Path], AbstractContextManager[CopyForm]]] = {
    CopyDatabase.kind: _in_postgresql,
    CopyFolder.kind: _in_files,
    InfluxdbPlace.kind: _in_influxdb,
}
"""Opens a place in the folder of a home, by the type of its subentries."""
