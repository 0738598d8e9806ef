"""What language models are told of the past: over exposed entities, within the limits."""

from datetime import UTC, datetime
import json
from typing import Any

from homeassistant.components.homeassistant.exposed_entities import (
    async_expose_entity,
    async_get_assistant_settings,
)
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import Unauthorized
from homeassistant.helpers import area_registry as ar, entity_registry as er, llm
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.assist.entities import AMBIGUOUS, NOT_FOUND, ExposedEntities
from custom_components.bigquery_export.const import (
    CONF_HIDDEN,
    CONF_PRIVACY,
    CONF_QUERIES,
    CONF_QUERIES_ALL_USERS,
    CONF_QUERY_DAY_MEGABYTES,
    CONF_SERVICE_ACCOUNT_KEY,
    CONF_TABLES,
    DOMAIN,
)
from custom_components.bigquery_export.rows.events import EVENTS
from custom_components.bigquery_export.rows.relationships import RELATIONSHIPS
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.settings.options import options_from
from tests.bigquery_export.support.actions import export_now
from tests.bigquery_export.support.lost_home import BEGIN, KINDS, record_history
from tests.bigquery_export.support.recording import execute
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

TEN = 10 * 2**20
PURGED = 24 * 12
HIDDEN = "sensor.hidden"


def at(hour: int) -> str:
    """Return when an hour of the history begins."""
    return datetime.fromtimestamp(BEGIN + hour * 3_600, UTC).isoformat()


@pytest.fixture
def options() -> dict[str, Any]:
    """Return options of the export beside that queries are on."""
    return {}


@pytest.fixture(autouse=True)
async def home(
    hass: HomeAssistant, entry: MockConfigEntry, warehouse: Warehouse, options: dict[str, Any]
) -> None:
    """Export a kitchen and other things, of which the recorder forgets the first days."""
    for name in ("homeassistant", "llm", "conversation"):
        assert await async_setup_component(hass, name, {})
    warehouse.grant(entry.data[CONF_SERVICE_ACCOUNT_KEY], DATA_EDITOR, JOB_USER)
    chosen = {
        CONF_TABLES: ["sensor_data", "statistics"],
        CONF_QUERIES: True,
        CONF_PRIVACY: {CONF_HIDDEN: [HIDDEN]},
        "exclude": {"entities": ["sensor.excluded"]},
        **options,
    }
    hass.config_entries.async_update_entry(entry, options=chosen)
    assert await hass.config_entries.async_setup(entry.entry_id)
    for name in ("kitchen", "secret", "hidden", "excluded"):
        attributes = {"friendly_name": name.title(), "unit_of_measurement": "°C"}
        hass.states.async_set(f"sensor.{name}", "20", attributes)
        async_expose_entity(hass, "conversation", f"sensor.{name}", name != "secret")
    await record_history(hass, range(24 * 20), KINDS[:1])
    await async_wait_recording_done(hass)
    await export_now(hass)
    warehouse.make_views(STATISTICS)
    await execute(hass, "DELETE FROM statistics WHERE start_ts < ?", BEGIN + PURGED * 3_600)


def context_of(user: MockUser | None) -> llm.LLMContext:
    """Return the context in which a user asks, or a loudspeaker."""
    context = Context(user_id=user.id if user else None)
    return llm.LLMContext("test", context, "en", "conversation", None)


async def call(
    hass: HomeAssistant, user: MockUser | None, tool: str, api: str = "assist", /, **fields: Any
) -> Any:
    """Return what a tool answers a user."""
    instance = await llm.async_get_api(hass, api, context_of(user))
    return await instance.async_call_tool(llm.ToolInput(f"{DOMAIN}__{tool}", fields))


def mean(first: int, last: int) -> float:
    """Return the mean of some hours of the kitchen."""
    values = [float(KINDS[0].values(hour)["mean"]) for hour in range(first, last)]
    return sum(values) / len(values)


async def test_long_ago(
    hass: HomeAssistant, warehouse: Warehouse, hass_admin_user: MockUser
) -> None:
    """How warm it was before the recorder began is one query, right within 0.1 K."""
    found = await call(
        hass, hass_admin_user, "get_history", name="Kitchen", start=at(24), end=at(72)
    )
    assert not found.error
    assert found.data["entity_id"] == "sensor.kitchen"
    assert found.data["unit"] == "°C"
    assert found.data["summary"]["mean"] == pytest.approx(mean(24, 72), abs=0.1)
    assert len(found.data["periods"]) == 48
    assert found.data["cost_usd"] == 6.0e-05
    assert warehouse.server.billed(warehouse.project) == TEN


async def test_what_the_recorder_has(
    hass: HomeAssistant, warehouse: Warehouse, hass_read_only_user: MockUser
) -> None:
    """Hours that the recorder has cost no query, and need no administrator."""
    found = await call(
        hass,
        hass_read_only_user,
        "get_history",
        name="kitchen",
        start=at(PURGED + 24),
        end=at(PURGED + 48),
        period="day",
    )
    assert not found.error
    assert found.data["summary"]["mean"] == pytest.approx(mean(PURGED, PURGED + 24), abs=0.1)
    assert "cost_usd" not in found.data
    assert warehouse.server.billed(warehouse.project) == 0


TOOLS: dict[str, dict[str, Any]] = {
    "get_history": {"start": at(0)},
    "last_time": {"state": "20"},
    "why": {},
    "compare_periods": {
        **{"start": at(0), "end": at(24)},
        **{"other_start": at(24), "other_end": at(48)},
    },
}


async def test_what_may_not_be_asked(
    hass: HomeAssistant, warehouse: Warehouse, hass_admin_user: MockUser
) -> None:
    """What is not exposed, hidden, excluded or not there cannot be told apart."""
    for name in ("Secret", "Hidden", "Excluded", "Nothing", "sensor.secret", ""):
        for tool, fields in TOOLS.items():
            found = await call(hass, hass_admin_user, tool, name=name, **fields)
            assert (found.error, found.data) == (True, {"error": NOT_FOUND}), (name, tool)
    assert warehouse.server.billed(warehouse.project) == 0


async def test_sql_in_a_name(
    hass: HomeAssistant, warehouse: Warehouse, hass_admin_user: MockUser
) -> None:
    """A name is compared with names, and a state is a parameter."""
    name = "Kitchen' OR '1' = '1"
    found = await call(hass, hass_admin_user, "get_history", name=name, start=at(0))
    assert found.data == {"error": NOT_FOUND}
    found = await call(
        hass, hass_admin_user, "last_time", name="Kitchen", state="x' OR state = '20"
    )
    assert found.data["last"] is None
    found = await call(hass, hass_admin_user, "last_time", name="Kitchen", state="20")
    assert found.data["last"] is not None
    assert "cost_usd" not in found.data


async def test_two_of_a_name(
    hass: HomeAssistant,
    hass_admin_user: MockUser,
    area_registry: ar.AreaRegistry,
    entity_registry: er.EntityRegistry,
) -> None:
    """Of several entities with a name the area tells which is meant."""
    area = area_registry.async_create("Cellar")
    entity = entity_registry.async_get_or_create("sensor", "test", "1", suggested_object_id="x")
    entity_registry.async_update_entity(entity.entity_id, area_id=area.id, name="Kitchen")
    hass.states.async_set(entity.entity_id, "7", {"friendly_name": "Kitchen"})
    async_expose_entity(hass, "conversation", entity.entity_id, True)
    found = await call(hass, hass_admin_user, "get_history", name="Kitchen", start=at(0))
    assert found.data == {"error": AMBIGUOUS}
    found = await call(hass, hass_admin_user, "last_time", name="Kitchen", area="Cellar", state="7")
    assert found.data["entity_id"] == entity.entity_id


@pytest.mark.parametrize("options", [{CONF_QUERY_DAY_MEGABYTES: 15}])
async def test_above_the_limit(hass: HomeAssistant, hass_admin_user: MockUser) -> None:
    """At the limit of the day the error has the price."""
    fields = {"name": "Kitchen", "start": at(24), "end": at(48)}
    assert not (await call(hass, hass_admin_user, "get_history", **fields)).error
    found = await call(hass, hass_admin_user, "get_history", **fields)
    assert found.error
    assert found.data["error"].startswith("The query would read 10 MB ($0.0001), but 5 of 15 MB")


@pytest.mark.parametrize("options", [{}, {CONF_QUERIES_ALL_USERS: True}])
@pytest.mark.parametrize("who", ["speaker", "user"])
async def test_who_may_ask_bigquery(
    hass: HomeAssistant, hass_read_only_user: MockUser, options: dict[str, Any], who: str
) -> None:
    """A user who is no administrator, or none at all, asks BigQuery only if that is open to all."""
    user = hass_read_only_user if who == "user" else None
    found = await call(hass, user, "get_history", name="Kitchen", start=at(24), end=at(48))
    assert found.error is not bool(options)
    if not options:
        assert found.data["error"].startswith("Only administrators may ask BigQuery.")


BAD: list[tuple[dict[str, Any], str]] = [
    ({"start": "yesterday"}, "'yesterday' is no time. Write ISO 8601"),
    ({"start": at(48), "end": at(24)}, "The end is not after the start."),
    ({"start": at(0), "period": "year"}, "These arguments cannot be used: "),
    ({"start": at(0), "more": 1}, "These arguments cannot be used: "),
    ({}, "These arguments cannot be used: required key not provided"),
]


async def test_bad_arguments(hass: HomeAssistant, hass_admin_user: MockUser) -> None:
    """A model is told what is wrong with its arguments."""
    for fields, sentence in BAD:
        found = await call(hass, hass_admin_user, "get_history", name="Kitchen", **fields)
        assert found.error
        assert found.data["error"].startswith(sentence)


async def test_compare(hass: HomeAssistant, hass_admin_user: MockUser) -> None:
    """Two periods are compared, of which one is in BigQuery."""
    found = await call(
        hass,
        hass_admin_user,
        "compare_periods",
        name="Kitchen",
        start=at(PURGED + 3),
        end=at(PURGED + 9),
        other_start=at(27),
        other_end=at(30),
    )
    assert not found.error
    difference = mean(PURGED + 3, PURGED + 9) - mean(27, 30)
    assert found.data["difference"]["mean"] == pytest.approx(difference, abs=0.002)


async def test_long_times(hass: HomeAssistant, hass_admin_user: MockUser) -> None:
    """A long time is told by longer periods than asked for: 200 rows at most."""
    found = await call(
        hass, hass_admin_user, "get_history", name="Kitchen", start=at(0), period="hour"
    )
    assert 15 < len(found.data["periods"]) <= 200


@pytest.mark.all_tables
@pytest.mark.parametrize(
    "options", [{CONF_TABLES: ["sensor_data", "statistics", "events", "relationships"]}]
)
async def test_functions(
    hass: HomeAssistant, warehouse: Warehouse, hass_admin_user: MockUser
) -> None:
    """What functions answer is told of exposed entities alone."""
    context = Context(user_id=hass_admin_user.id)
    for name in ("secret", "kitchen"):
        hass.states.async_set(f"sensor.{name}", "21", context=context)
    await async_wait_recording_done(hass)
    await export_now(hass)
    warehouse.make_views(SENSOR_DATA, STATISTICS, EVENTS, RELATIONSHIPS)
    found = await call(hass, hass_admin_user, "why", name="Kitchen")
    assert found.data["path"] == ["person", "sensor.kitchen"]
    assert found.data["state"] == "21"
    unusual = await call(hass, hass_admin_user, "find_unusual", start=at(24 * 9), end=at(24 * 20))
    assert not unusual.error
    assert {hour["entity_id"] for hour in unusual.data["hours"]} <= {"sensor.kitchen"}
    energy = await call(hass, hass_admin_user, "get_energy", start=at(0))
    assert energy.data["meters"] == []


@pytest.mark.all_tables
@pytest.mark.parametrize(
    "options",
    [
        {
            CONF_TABLES: ["sensor_data", "statistics", "events", "relationships"],
            CONF_PRIVACY: {CONF_HIDDEN: ["light.anna"]},
        }
    ],
)
async def test_names_of_no_entity(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    hass_admin_user: MockUser,
    entity_registry: er.EntityRegistry,
) -> None:
    """Pseudonyms and former names are not told, though their domain is exposed by default."""
    lamp = entity_registry.async_get_or_create(
        "light", "test", "1", suggested_object_id="secret"
    ).entity_id
    async_expose_entity(hass, "conversation", lamp, False)
    moments = {}
    for name in ("light.anna", lamp):
        trigger = Context()
        hass.states.async_set(name, "on", context=trigger)
        automation = Context(parent_id=trigger.id)
        fired = {"name": "x", "entity_id": "automation.x", "source": f"state of {name}"}
        hass.bus.async_fire("automation_triggered", fired, context=automation)
        hass.states.async_set("sensor.kitchen", name, context=automation)
        moments[name] = dt_util.utcnow().isoformat()
    hass.states.async_set("automation.x", "on")
    async_expose_entity(hass, "conversation", "automation.x", True)
    await async_wait_recording_done(hass)
    await export_now(hass)
    warehouse.make_views(SENSOR_DATA, EVENTS, RELATIONSHIPS)
    hass.states.async_remove(lamp)
    entity_registry.async_update_entity(lamp, new_entity_id="light.other")
    hass.states.async_set("light.other", "on")
    exposed = async_get_assistant_settings(hass, "conversation")

    privacy = await entry.runtime_data.runner.queries.async_privacy()
    options = options_from(entry.options)
    entities = ExposedEntities(hass, "conversation", options, privacy)
    pseudonym = privacy.entity("light.anna")
    assert pseudonym.startswith("light.hidden_")
    for name in (pseudonym, lamp, "light.other", "light.anna", "light.nothing"):
        assert not entities.async_has(name), name
    assert entities.async_has("sensor.kitchen")

    for name, moment in moments.items():
        found = await call(hass, hass_admin_user, "why", name="Kitchen", moment=moment)
        assert found.data["path"] == ["(not exposed)", "automation.x", "sensor.kitchen"]
        assert found.data["state"] == name
    assert async_get_assistant_settings(hass, "conversation") == exposed


@pytest.mark.parametrize("options", [{CONF_QUERIES: False}])
async def test_off(hass: HomeAssistant, hass_admin_user: MockUser) -> None:
    """Without queries there are neither tools nor an API."""
    instance = await llm.async_get_api(hass, "assist", context_of(hass_admin_user))
    assert not [tool for tool in instance.tools if tool.name.startswith(DOMAIN)]
    assert DOMAIN not in {api.id for api in llm.async_get_apis(hass)}


async def test_own_api(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    warehouse: Warehouse,
    hass_admin_user: MockUser,
    hass_read_only_user: MockUser,
) -> None:
    """Administrators have free SELECT behind the dry run; it goes with the export."""
    for user in (hass_read_only_user, None):
        with pytest.raises(Unauthorized):
            await llm.async_get_api(hass, DOMAIN, context_of(user))
    sql = "SELECT COUNT(*) AS n FROM statistics WHERE start >= '2020-01-01'"
    found = await call(hass, hass_admin_user, "query", DOMAIN, query=sql)
    assert found.data == {"rows": [{"n": 480}], "truncated": False}
    found = await call(hass, hass_admin_user, "query", DOMAIN, query="DROP TABLE statistics")
    assert found.error
    assert "not one SELECT statement" in found.data["error"]
    fields = {"name": "Kitchen", "start": at(24), "end": at(48)}
    assert not (await call(hass, hass_admin_user, "get_history", DOMAIN, **fields)).error
    tools = (await llm.async_get_api(hass, DOMAIN, context_of(hass_admin_user))).tools
    assert all(tool.annotations.read_only and tool.integration == DOMAIN for tool in tools)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert DOMAIN not in {api.id for api in llm.async_get_apis(hass)}


async def test_mcp(
    hass: HomeAssistant,
    hass_client: ClientSessionGenerator,
    hass_read_only_access_token: str,
) -> None:
    """Other programs ask by Home Assistant's MCP server with a token, administrators alone."""
    data = {"llm_hass_api": [DOMAIN], "all_llm_apis": False, "require_admin": True}
    server = MockConfigEntry(domain="mcp_server", data=data)
    server.add_to_hass(hass)
    assert await async_setup_component(hass, "mcp_server", {})
    arguments = {"name": "Kitchen", "start": at(24), "end": at(72)}
    asked = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": f"{DOMAIN}__get_history", "arguments": arguments},
    }
    headers = {"Accept": "application/json, text/event-stream"}
    for path in ("/api/mcp", f"/api/mcp/{DOMAIN}"):
        answer = await (await hass_client()).post(path, json=asked, headers=headers)
        assert answer.status == 200
        (content,) = (await answer.json())["result"]["content"]
        found = json.loads(content["text"])
        assert found["summary"]["mean"] == pytest.approx(mean(24, 72), abs=0.1)
        other = await hass_client(hass_read_only_access_token)
        assert (await other.post(path, json=asked, headers=headers)).status == 401
