"""States that are recorded, and changes of the recorder's database behind its back."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers.recorder import session_scope
from pytest_homeassistant_custom_component.components.recorder.common import (
    async_wait_recording_done,
)

from tests.bigquery_export.support.databases import in_recorder


async def record(hass: HomeAssistant, count: int, *, entities: int = 1, name: str = "s") -> None:
    """Record states, each with attributes of its own."""
    for number in range(count):
        entity_id = f"sensor.{name}{number % entities}"
        hass.states.async_set(entity_id, str(number), {"number": number})
    await async_wait_recording_done(hass)


async def execute(hass: HomeAssistant, statement: str, *values: object) -> None:
    """Change the recorder's database behind its back."""

    def change() -> None:
        with session_scope(hass=hass) as session:
            session.connection().exec_driver_sql(statement, values)

    await in_recorder(hass, change)


async def rewrite(hass: HomeAssistant, *statements: str) -> None:
    """Change the recorder's database while no export runs: what is not in it any more is gone."""
    await execute(hass, "UPDATE states SET old_state_id = NULL")
    for statement in statements:
        await execute(hass, statement)


def numbers(count: int) -> list[str]:
    """Return the states that `record` has recorded."""
    return [str(number) for number in range(count)]
