"""Compare what the recorder has with what arrived in BigQuery."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.home.compare_entities import ENTITIES, compare_entities
from tests.home.compare_recorded import compare_all
from tests.home.comparison import Comparisons, Query, reading
from tests.home.entities import Entity
from tests.home.home_assistant import PLACE, HomeAssistant

SAMPLE = 5_000
"""Rows of states of which every value is compared; of all of them the key is."""


async def compare_home(
    home: HomeAssistant, query: Query, dataset: str, up_to: Mapping[str, int]
) -> Comparisons:
    """Compare all tables of `project.dataset` that `integration` chooses.

    `up_to` is the highest id of each that must have been exported.
    """
    recorded = await asyncio.to_thread(
        compare_all, home.database, query, dataset, up_to=up_to, place=PLACE, sample=SAMPLE
    )
    entities = await asyncio.to_thread(
        compare_entities,
        await home.client.command("config/entity_registry/list"),
        await home.client.command("config/device_registry/list"),
        query,
        dataset,
    )
    return {**recorded, ENTITIES: entities}


def states_of(database: Path, entities: Sequence[Entity]) -> int:
    """Return how many states of these entities the recorder has written."""
    names = [entity.entity_id for entity in entities]
    with reading(database) as recorder:
        number: int = recorder.execute(
            "SELECT count(*) FROM states JOIN states_meta AS meta USING (metadata_id)"  # noqa: S608
            f" WHERE meta.entity_id IN ({', '.join('?' * len(names))})",
            names,
        ).fetchone()[0]
        return number
