"""The demonstration itself: what is done, in its order, and what must come of it."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from tests.home.client import Client, Json
from tests.home.compare_entities import ENTITIES, compare_entities
from tests.home.compare_recorded import compare_all
from tests.home.comparison import Comparisons
from tests.home.entities import Entity, make_entities
from tests.home.home_assistant import PASSWORD, PLACE, USER, HomeAssistant
from tests.home.integration import DATASET, DOMAIN, add_integration, set_options
from tests.home.log import problems
from tests.home.recorded import EVENTS, TABLES, newest_ids
from tests.home.recorder_database import make
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER, LocalBigQuery, start
from tests.machine.patience import patient

from .activity import Activity
from .dashboard import URL, find_repairs, make_dashboard
from .questions import QUESTIONS, table_lines
from .rooms import AMBIENT, CONFIGURATION, furnish
from .saved_queries import add_saved_queries, answers, light_by_day, make_questions_dashboard

PROJECT = "demo-home"
STATES = 100_000
DIMENSIONS = (ENTITIES, "relationships")
"""Tables of what is registered, which have no rows in the recorder."""
DAYS = 10
SHORT_TERM_DAYS = 0.5
SAMPLE = 3_000
SECONDS_TO_RELOAD = 20
LIVELY = (
    "automation.lights_at_dusk",
    "binary_sensor.office_motion",
    "climate.bedroom",
    "cover.salon",
    "device_tracker.anna_phone",
    "light.living_room",
    "lock.front_door",
    "media_player.kitchen",
    "sensor.kitchen_temperature",
    "sensor.last_message",
    "sensor.living_room_energy",
    "sensor.office_power",
    "switch.garage_outlet",
    "weather.forecast_home",
)
SENSORS = {"status", "last_export", "rows_exported", "rows_waiting"}

type Say = Callable[[str], None]


class DemonstrationError(Exception):
    """Something did not go as it must; the text says what."""


class Demonstration:
    """A home, its BigQuery, and the export from one to the other."""

    def __init__(self, folder: Path, say: Say) -> None:
        """Keep everything in the folder."""
        self._folder = folder
        self._say = say
        self.comparisons: Comparisons | None = None
        self.served = False

    async def show(self, *, serve: bool) -> None:
        """Run it all, and set `comparisons` on the way. Raises DemonstrationError.

        With `serve`, it goes on afterwards until it is cancelled.
        """
        home_folder = self._folder / "home-assistant"
        home_folder.mkdir(parents=True)
        with start(self._folder / "bigquery") as bigquery:
            self._say(f"BigQuery runs at {bigquery.rest_url}")
            home = HomeAssistant(home_folder, configuration=CONFIGURATION, debug=True)
            make(
                home.database,
                states=STATES,
                days=DAYS,
                statistics_days=DAYS,
                short_term_days=SHORT_TERM_DAYS,
            )
            self._say(f"made {DAYS} days of history: {STATES:,} states, statistics and events")
            async with home:
                self._say(f"Home Assistant runs at {home.url}")
                await furnish(home.client)
                activity = Activity(home.client, _lively_entities())
                await self._export_and_compare(home, bigquery, activity)
                await self._check_pages(home.client)
                if serve:
                    await self._serve(home, bigquery, activity)
            self._check_end(home)

    async def _export_and_compare(
        self, home: HomeAssistant, bigquery: LocalBigQuery, activity: Activity
    ) -> None:
        grants = [{"role": role, "project": PROJECT} for role in (DATA_EDITOR, JOB_USER)]
        key = bigquery.create_account(PROJECT, grants)
        entry_id = await self._add_integration(home.client, bigquery, key)
        async with activity.going_on():
            up_to = await self._export_twice(home, entry_id)
        self._say(
            f"the home rests after {activity.changes:,} changes;"
            f" the slowest took Home Assistant {activity.longest_wait * 1000:.0f} ms"
        )
        self.comparisons = await self._compare(home, bigquery, up_to)
        self._ask(bigquery)
        await self._ask_from_home(home.client, entry_id)
        await self._show_sensors(home.client, entry_id)
        self._check_log(home, key)

    async def _add_integration(self, client: Client, bigquery: LocalBigQuery, key: Json) -> str:
        """Go through the forms as a user would; return the entry's id."""
        entry_id = await add_integration(
            client, key, rest_url=bigquery.rest_url, storage_url=bigquery.storage_url
        )
        (entry,) = await client.entries(DOMAIN)
        self._say(f"set up “{entry['title']}” with an uploaded key")
        await self._choose_all_tables(client, entry_id)
        return entry_id

    async def _choose_all_tables(self, client: Client, entry_id: str) -> None:
        what = {"tables": [*TABLES, *DIMENSIONS], "events": EVENTS, "surroundings": AMBIENT}
        await set_options(client, entry_id, what, queries=True)
        async with patient(SECONDS_TO_RELOAD):
            await client.until_loaded(DOMAIN)
        self._say(
            f"chose {len(TABLES) + len(DIMENSIONS)} tables, and events of {len(EVENTS)} kinds"
        )

    async def _export_twice(self, home: HomeAssistant, entry_id: str) -> dict[str, int]:
        """Export while the home lives; return the ids up to which all rows must have arrived."""
        before_first = newest_ids(home.database)
        first = await self._export(home.client, entry_id)
        if missing := {*TABLES, *DIMENSIONS} - {table for table, rows in first.items() if rows}:
            raise DemonstrationError(f"the first export sent nothing of {missing}")
        # The oldest state has the id 1, and all are exported.
        if first["sensor_data"] < before_first["sensor_data"]:
            raise DemonstrationError(f"{before_first} were there, the first export sent {first}")
        self._say("the home goes on living for 3 s")
        await asyncio.sleep(3)
        before_second = newest_ids(home.database)
        second = await self._export(home.client, entry_id)
        after = newest_ids(home.database)
        if changed := [table for table in DIMENSIONS if second.pop(table)]:
            raise DemonstrationError(f"the second export sent {changed} that had not changed")
        for table, rows in second.items():
            if rows > (new := after[table] - before_first[table]):
                raise DemonstrationError(
                    f"of {table} the second export sent {rows} rows, {new} were new"
                )
        if not second["sensor_data"]:
            raise DemonstrationError("the second export sent no states")
        return before_second

    async def _export(self, client: Client, entry_id: str) -> dict[str, int]:
        response = await client.perform_action_with_response(
            DOMAIN, "export_now", {"config_entry_id": entry_id}
        )
        rows: dict[str, int] = response["rows"]
        self._say(
            f"exported {sum(rows.values()):,} rows, {response['bytes'] / 1e6:.1f} MB"
            f" in {response['seconds']:.1f} s"
        )
        return rows

    async def _compare(
        self, home: HomeAssistant, bigquery: LocalBigQuery, up_to: dict[str, int]
    ) -> Comparisons:
        comparisons = await asyncio.to_thread(
            compare_all,
            home.database,
            lambda sql: bigquery.query(sql, PROJECT),
            f"{PROJECT}.{DATASET}",
            up_to=up_to,
            place=PLACE,
            sample=SAMPLE,
        )
        entities = await asyncio.to_thread(
            compare_entities,
            await home.client.command("config/entity_registry/list"),
            await home.client.command("config/device_registry/list"),
            lambda sql: bigquery.query(sql, PROJECT),
            f"{PROJECT}.{DATASET}",
        )
        comparisons = {**comparisons, ENTITIES: entities}
        self._print(
            "Compared by key, and value by value",
            table_lines(
                [
                    {
                        "table": table,
                        "recorder": comparison.recorder,
                        "bigquery": comparison.bigquery,
                        "lost": comparison.lost.total(),
                        "duplicated": comparison.duplicated.total(),
                        "by value": comparison.sampled,
                        "different": len(comparison.differences),
                    }
                    for table, comparison in comparisons.items()
                ]
            ),
        )
        return comparisons

    def _ask(self, bigquery: LocalBigQuery) -> None:
        """Print what a person would ask, and BigQuery's answers."""
        for question in QUESTIONS:
            sql = question.sql.format(dataset=f"{PROJECT}.{DATASET}")
            self._print(question.title, table_lines(bigquery.query(sql, PROJECT)))

    async def _ask_from_home(self, client: Client, entry_id: str) -> None:
        """Let Home Assistant ask, and show the answers as sensors, a statistic and a response."""
        await add_saved_queries(client, entry_id)
        shown = await answers(client)
        days = await light_by_day(client)
        data = {"question": "entity_exports", "config_entry_id": entry_id, "max_rows": 1}
        found = await client.perform_action_with_response(DOMAIN, "query", data)
        await make_questions_dashboard(client)
        light = f"{days[-1]['change']:.1f} h on the last of {len(days)} days"
        rows = [*shown.items(), ("Light in the living room", light)]
        billed = f"{found['bytes_billed'] / 2**20:.0f} MB billed"
        self._print(
            f"What Home Assistant has asked BigQuery; a question of its own: {billed}",
            table_lines([{"question": name, "answer": answer} for name, answer in rows]),
        )

    async def _show_sensors(self, client: Client, entry_id: str) -> None:
        """Print what the integration's own entities say."""
        registry: list[Json] = await client.command("config/entity_registry/list")
        keys = {
            item["entity_id"]: item["translation_key"]
            for item in registry
            if item["config_entry_id"] == entry_id and item["translation_key"]
        }
        states = {
            keys[state["entity_id"]]: state["state"]
            for state in await client.states()
            if state["entity_id"] in keys
        }
        self._print(
            "The integration's sensors",
            table_lines([{"sensor": key, "state": state} for key, state in states.items()]),
        )
        if missing := SENSORS - states.keys():
            raise DemonstrationError(f"the integration has no sensor for {missing}")
        if states["status"] != "idle":
            raise DemonstrationError("the export is over, but its status is not idle")

    async def _check_pages(self, client: Client) -> None:
        """Make the dashboard, and make sure that there is nothing to repair."""
        if missing := await make_dashboard(client):
            raise DemonstrationError(f"the dashboard shows {missing}, which there are not")
        if found := await find_repairs(client):
            raise DemonstrationError(f"there is something to repair: {found}")
        self._say("made the dashboard; there is nothing to repair")

    def _check_log(self, home: HomeAssistant, key: Json) -> None:
        log = home.log()
        if found := problems(log, DOMAIN):
            raise DemonstrationError("in Home Assistant's log:\n" + "\n".join(found))
        if any(line in log for line in key["private_key"].splitlines()[1:-1]):
            raise DemonstrationError("the private key is in Home Assistant's log")
        self._say("Home Assistant's log has no complaint about the integration, and no key")

    def _check_end(self, home: HomeAssistant) -> None:
        """Make sure that the integration did not keep Home Assistant from stopping."""
        if home.exit_status != 0:
            raise DemonstrationError(f"Home Assistant ended with status {home.exit_status}")
        if found := problems(home.log(), DOMAIN):
            raise DemonstrationError("Home Assistant said when it stopped:\n" + "\n".join(found))
        self._say("Home Assistant stopped in good order")

    async def _serve(
        self, home: HomeAssistant, bigquery: LocalBigQuery, activity: Activity
    ) -> None:
        self.served = True
        self._say(f"Home Assistant: {home.url}  (user {USER}, password {PASSWORD})")
        self._say(f"the dashboard: {home.url}/{URL}/0")
        self._say(f"BigQuery: {bigquery.rest_url}  (project {PROJECT})")
        self._say("the home goes on living; Ctrl-C ends it all")
        async with activity.going_on():
            await asyncio.Event().wait()

    def _print(self, title: str, lines: list[str]) -> None:
        self._say(title)
        for line in lines:
            print(f"            {line}")
        print()


def _lively_entities() -> list[Entity]:
    return [entity for entity in make_entities(120) if entity.entity_id in LIVELY]
