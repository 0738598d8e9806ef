"""Every odd value at once, in a real Home Assistant."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
import sqlite3

import pytest

from tests.home.home_assistant import HomeAssistant
from tests.home.recorder_database import make
from tests.local_bigquery.process import LocalBigQuery

from .destination import Destination
from .exports import Exports
from .integration import DATASET, DELIVERIES, PROJECT, add_integration
from .judgement import judge_home
from .ledger import Ledger
from .machine import Machine
from .odd_rows import OddRows
from .odd_values import ODD
from .recorder_corrections import Corrections
from .recorder_growth import Growth
from .torture import SECONDS_TO_SAVE

RANDOM = Random(1)  # noqa: S311 - repeatable


@pytest.fixture(name="destination")
def destination_fixture(
    local_bigquery: LocalBigQuery, socket_enabled: None
) -> Iterator[Destination]:
    """Return a BigQuery without a dataset of the torture's, which has none afterwards either."""
    yield Destination(local_bigquery, RANDOM)
    local_bigquery.drop_dataset(PROJECT, DATASET)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("delivery", DELIVERIES)
async def test_each_is_sent_or_rejected(
    destination: Destination, tmp_path: Path, delivery: str
) -> None:
    """Each odd row is in BigQuery once or among the rejected ones, and all others are there."""
    home = HomeAssistant(tmp_path / "home")
    home.directory.mkdir()
    make(home.database, states=300, events=100, entities=5, days=0.1, statistics_days=0.1)
    odd = OddRows(home.database, RANDOM)
    with closing(sqlite3.connect(home.database)) as recorder, recorder:
        for places in ODD.values():
            for place, values in places.items():
                for value in values:
                    odd.insert(recorder, place, value)
    async with home:
        entry_id = await add_integration(
            home.client,
            delivery,
            key=destination.key,
            rest_url=destination.rest_url,
            storage_url=destination.storage_url,
        )
        machine = Machine(
            home,
            entry_id,
            name="machine",
            ledger=Ledger(),
            growth=Growth(home.database, RANDOM),
            corrections=Corrections(home.database, RANDOM),
        )
        await asyncio.sleep(SECONDS_TO_SAVE)
        up_to = await Exports(destination, RANDOM, print).at_last(machine)
    verdicts = judge_home(machine, destination.query, odd, up_to, print)
    assert {table: verdict for table, verdict in verdicts.items() if not verdict.ok} == {}
