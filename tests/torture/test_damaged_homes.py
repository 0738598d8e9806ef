"""Every odd value at once, and overwritten pages, in a real Home Assistant."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
import sqlite3

import pytest

from tests.home.home_assistant import HomeAssistant
from tests.home.integration import DATASET, DELIVERIES
from tests.home.recorder_database import make
from tests.local_bigquery.process import LocalBigQuery

from .destination import PROJECT, Destination
from .exports import Exports
from .integration import add_integration
from .judgement import judge_home
from .ledger import Ledger
from .machine import Machine
from .odd_rows import MARKS, NAMES, OddRows
from .odd_values import ODD
from .page_damage import overwrite_page
from .recorder_corrections import Corrections
from .recorder_growth import Growth
from .salvage import legible
from .torture import SECONDS_TO_SAVE
from .verdict import Verdicts

RANDOM = Random(1)  # noqa: S311 - repeatable


@pytest.fixture(name="destination")
def destination_fixture(
    local_bigquery: LocalBigQuery, socket_enabled: None
) -> Iterator[Destination]:
    """Return a BigQuery without a dataset of the torture's, which has none afterwards either."""
    yield Destination(local_bigquery, RANDOM)
    local_bigquery.drop_dataset(PROJECT, DATASET)


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_each_odd_row_is_sent_or_rejected(
    destination: Destination, tmp_path: Path, delivery: str
) -> None:
    """Each is in BigQuery once or among the rejected ones, and all other rows are there."""
    home = home_with(tmp_path, states=300, events=100)
    odd = OddRows(home.database, RANDOM)
    with closing(sqlite3.connect(home.database)) as recorder, recorder:
        for places in ODD.values():
            for place, values in places.items():
                for value in values:
                    odd.insert(recorder, place, value)
    verdicts = await judged(home, destination, delivery, Ledger(), odd)
    assert {table: verdict for table, verdict in verdicts.items() if not verdict.ok} == {}


@pytest.mark.torture
@pytest.mark.timeout(600)
async def test_all_around_overwritten_pages_is_sent(
    destination: Destination, tmp_path: Path
) -> None:
    """What cannot be read of states and events is told, and all else is in BigQuery."""
    home = home_with(tmp_path, states=4_000, events=4_000)
    ledger = Ledger()
    ledger.look_at(home.database)
    for table in MARKS:
        assert overwrite_page(home.database, table, RANDOM)
    before = {name: ledger[name].now for name, _ in NAMES.values()}
    with legible(home.database) as readable:
        ledger.look_at(readable)
    for name, rows in before.items():
        ledger[name].destroyed = ledger[name].untold = rows - ledger[name].now
        assert ledger[name].destroyed
    odd = OddRows(home.database, RANDOM)
    verdicts = await judged(home, destination, DELIVERIES[0], ledger, odd)
    assert {table: verdict for table, verdict in verdicts.items() if not verdict.ok} == {}
    for name in before:
        assert verdicts[name].destroyed == ledger[name].destroyed


def home_with(folder: Path, *, states: int, events: int) -> HomeAssistant:
    """Return a home that rests, with a generated recorder."""
    home = HomeAssistant(folder / "home")
    home.directory.mkdir()
    make(home.database, states=states, events=events, entities=5, days=0.1, statistics_days=0.1)
    return home


async def judged(
    home: HomeAssistant, destination: Destination, delivery: str, ledger: Ledger, odd: OddRows
) -> Verdicts:
    """Export a home once, and return what came of it."""
    async with home:
        entry_id = await add_integration(home.client, destination, delivery)
        machine = Machine(
            home,
            entry_id,
            name="machine",
            ledger=ledger,
            growth=Growth(home.database, RANDOM),
            corrections=Corrections(home.database, RANDOM),
        )
        await asyncio.sleep(SECONDS_TO_SAVE)
        up_to = await Exports(destination, RANDOM, print).at_last(machine)
        await destination.until_views_are_made()
    return judge_home(machine, destination.query, odd, up_to, print)
