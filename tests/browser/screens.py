"""Home Assistant's screens as a user goes through them: what is where, and what it is called.

What the integration calls its steps, fields and entities stands here, and in no journey.
"""

import json
from pathlib import Path
import re
from typing import Any

from homeassistant.util.yaml import load_yaml_dict
from playwright.async_api import Locator, Page, expect

from tests.demo.saved_queries import URL as QUESTIONS_URL
from tests.home.client import Client, Json

from .dialog import Dialog
from .texts import pattern, patterns, text
from .window import Window

DOMAIN = "bigquery_export"
NAME = "BigQuery Export"
TITLE = "BigQuery Export"
"""What the entry is called when a user takes all defaults."""

_KEY = "config.step.user"
_DESTINATION = "config.step.destination"
_WHAT = "config.step.what"
_REAUTH = "config.step.reauth_confirm"
_RECONFIGURE = "config.step.reconfigure"
_SUBENTRIES = "config_subentries"
_SENSOR = f"{_SUBENTRIES}.sensor"
_VIEW = f"{_SUBENTRIES}.view"
_OPTIONS = "options.step.init"
_WHEN = "options.step.schedule"
_ACTION = "services.export_now.name"
_DASHBOARD = "bigquery-export"
_TO_COPY = Path(__file__).parents[2] / "docs" / "dashboard.yaml"


class SetUp(Dialog):
    """The set-up: a key, a destination, and what to export."""

    def __init__(self, window: Window) -> None:
        """Go through it in this window."""
        super().__init__(window)
        self._window = window

    async def begin(self) -> None:
        """Choose the integration from the list of all."""
        page = self._window.page
        await self._window.open("/config/integrations/dashboard")
        await page.get_by_role("button", name="Add integration").click()
        search = page.locator("dialog-add-integration")
        await search.locator("input").first.fill(NAME)
        found = search.locator("ha-integration-list-item", has_text=NAME)
        await expect(found).to_have_count(1)
        await found.click()
        await self.until_step(_KEY)

    async def give_key(self, file: Path) -> None:
        """Upload a key that is right, and go on to the destination."""
        await self.upload(file)
        await self.submit()
        await self.until_step(_DESTINATION)

    async def give_wrong_key(self, file: Path, error: str) -> None:
        """Upload a key that is wrong, and be told so."""
        await self.upload(file)
        await self.submit()
        await self.until_told(f"config.error.{error}")

    async def fill_in_destination(self, api_endpoint: str, storage_endpoint: str) -> None:
        """Keep all defaults, and say where the local BigQuery is."""
        await self.unfold(f"{_DESTINATION}.sections.advanced.name")
        await self.type("api_endpoint", api_endpoint)
        await self.type("storage_endpoint", storage_endpoint)

    async def go_on_to_what(self) -> None:
        """Submit the destination, and wait until it is said what all that comes to."""
        await self.submit()
        await self.until_step(_WHAT)
        await self.until_said("common.estimate")

    async def look_at_the_estimate(self) -> None:
        """Scroll to what all that comes to: the dialog stays where the step before was."""
        line, *_ = patterns("common.estimate")
        await self._dialog.get_by_text(line).first.scroll_into_view_if_needed()

    @property
    def last_preset(self) -> Locator:
        """Return the box of the last preset of events."""
        return self.box("selector.event_presets.options.user_actions")

    @property
    def privacy(self) -> Locator:
        """Return the heading of the section on privacy."""
        return self.section(f"{_WHAT}.sections.privacy.name")

    @property
    def begin_now(self) -> Locator:
        """Return the switch that lets the first export begin with the set-up."""
        return self.switch(f"{_WHAT}.data.export_at_once")


class Options(Dialog):
    """The form of the options."""

    async def open_section(self, name: str) -> None:
        """Open a section, by its key."""
        await self.unfold(f"{_OPTIONS}.sections.{name}.name")

    def frequency(self, name: str) -> Locator:
        """Return a choice of how often to export, in the section of the schedule."""
        return self.choice(f"selector.frequency.options.{name}")

    async def look_at_the_top(self) -> None:
        """Scroll to where the form begins."""
        await self.section(f"{_OPTIONS}.sections.what.name").scroll_into_view_if_needed()

    async def look_down_to_the_time(self) -> None:
        """Scroll to where the section of the schedule ends, with its time of day."""
        helper = self._dialog.get_by_text(text(f"{_WHEN}.data_description.export_time"))
        await helper.first.evaluate("helper => helper.scrollIntoView({block: 'end'})")

    async def until_asked_when(self) -> None:
        """Wait for the step that asks for the fields of another frequency."""
        await self.until_step(_WHEN)

    @property
    def time_of_day(self) -> Locator:
        """Return the boxes of the time of day."""
        return self.time(f"{_WHEN}.data.export_time")

    @property
    def month_day(self) -> Locator:
        """Return the box of the day of the month."""
        return self.number(f"{_WHEN}.data.month_day")

    def weekday(self, name: str) -> Locator:
        """Return the box of a day of the week, in the section of the schedule."""
        return self.box(f"selector.weekdays.options.{name}")

    async def begin_own_column(self) -> OwnColumnForm:
        """Open the form of an own column, in their section."""
        await self._own_columns.get_by_role("button", name="Add", exact=True).click()
        form = OwnColumnForm(self._page)
        await form.until_open()
        return form

    def own_column(self, name: str) -> Locator:
        """Return an own column in the list of all, by its name."""
        return self._own_columns.locator(".item", has_text=name)

    async def remove_own_column(self, name: str) -> None:
        """Remove an own column from the list."""
        await self.own_column(name).get_by_role("button", name="Delete", exact=True).click()
        await expect(self.own_column(name)).to_have_count(0)

    @property
    def _own_columns(self) -> Locator:
        label = text(f"{_OPTIONS}.sections.own.data.own_columns")
        return self._dialog.locator("ha-selector-object", has_text=label)

    @property
    def last_preset(self) -> Locator:
        """Return the box of the last preset of events."""
        return self.box("selector.event_presets.options.user_actions")

    @property
    def materialized_views(self) -> Locator:
        """Return the switch that ends the section on tables."""
        return self.switch(f"{_OPTIONS}.sections.storage.data.materialized_views")

    @property
    def queries(self) -> Locator:
        """Return the switch that allows queries, in their section."""
        return self.switch(f"{_OPTIONS}.sections.querying.data.queries")

    @property
    def batch_rows(self) -> Locator:
        """Return the box of the number of rows in a batch, in the section of the transfer."""
        return self.number(f"{_OPTIONS}.sections.transfer.data.batch_rows")


class OwnColumnForm:
    """The form of an own column, which lies above that of the options."""

    def __init__(self, page: Page) -> None:
        """Look at it in this page."""
        self._form = page.locator("dialog-form")

    async def until_open(self) -> None:
        """Wait for it."""
        await expect(self._field("name")).to_be_visible()

    async def fill_in(self, **values: str) -> None:
        """Type texts into fields, by their keys."""
        for field, value in values.items():
            await self._field(field).fill(value)

    async def add(self) -> None:
        """Take what was filled in into the list; the options have buttons of that name, too."""
        await self._form.get_by_role("button", name="Add", exact=True).click()
        await expect(self._field("name")).to_have_count(0)

    def _field(self, name: str) -> Locator:
        return self._form.locator(f"input[name={name}]")


class IntegrationPage:
    """The page of the integration, with its entries."""

    def __init__(self, window: Window) -> None:
        """Look at it in this window."""
        self._window = window
        self._page = window.page
        self._entry = window.page.locator("ha-config-entry-row", has_text=TITLE)

    async def open(self) -> None:
        """Go there."""
        await self._window.open(f"/config/integrations/integration/{DOMAIN}")
        await expect(self._entry).to_be_visible()

    async def configure(self) -> Options:
        """Open the options."""
        await self._entry.get_by_role("button", name="Configure", exact=True).click()
        dialog = Options(self._window)
        await dialog.until_step(_OPTIONS)
        return dialog

    async def add_sensor(self) -> Dialog:
        """Begin to add a sensor from SQL."""
        return await self._add(_SENSOR)

    async def add_view(self) -> Dialog:
        """Begin to add a view from SQL."""
        return await self._add(_VIEW)

    async def add_copy(self, kind: str) -> Dialog:
        """Begin to add a copy, by the type of its subentry."""
        return await self._add(f"{_SUBENTRIES}.{kind}")

    async def reconfigure_copy(self, kind: str, name: str) -> Dialog:
        """Open the form of a copy, by the type of its subentry and its name."""
        return await self._reconfigure(f"{_SUBENTRIES}.{kind}", name)

    async def until_copy_shown(self, name: str) -> None:
        """Wait until a copy is listed, by its name."""
        await expect(self._row(name)).to_be_visible()

    async def delete_copy(self, name: str) -> None:
        """Delete a copy, by its name, from its menu."""
        row = self._row(name)
        await row.get_by_role("button", name="Menu", exact=True).first.click()
        await row.locator("ha-dropdown-item[value=delete]").click()
        sure = self._page.locator("dialog-box")
        await sure.get_by_role("button", name="Delete", exact=True).click()
        await expect(row).to_have_count(0)

    async def reconfigure_view(self, name: str) -> Dialog:
        """Open the form of a view from SQL, by its name."""
        return await self._reconfigure(_VIEW, name)

    def _row(self, name: str) -> Locator:
        return self._page.locator("ha-config-sub-entry-row", has_text=name)

    async def _reconfigure(self, kind: str, name: str) -> Dialog:
        """Open the form of a subentry, by the key of its kind and its name."""
        label = text(f"{kind}.initiate_flow.reconfigure")
        await self._row(name).get_by_role("button", name=label, exact=True).click()
        dialog = Dialog(self._window)
        await dialog.until_step(f"{kind}.step.reconfigure")
        return dialog

    async def _add(self, kind: str) -> Dialog:
        """Begin to add a subentry, by the key of its kind."""
        await self._entry.get_by_role("button", name="Menu", exact=True).first.click()
        item = self._entry.locator("ha-dropdown-item")
        await item.get_by_text(text(f"{kind}.initiate_flow.user"), exact=True).click()
        dialog = Dialog(self._window)
        await dialog.until_step(f"{kind}.step.user")
        return dialog

    async def reconfigure(self) -> Dialog:
        """Open the form for key and destination, from the menu of the entry."""
        await self._entry.get_by_role("button", name="Menu", exact=True).first.click()
        await self._entry.locator("ha-dropdown-item[value=reconfigure]").click()
        dialog = Dialog(self._window)
        await dialog.until_step(_RECONFIGURE)
        return dialog

    async def until_key_is_wanted(self) -> None:
        """Wait until the page asks for a new key."""
        await expect(self._asks_for_key).to_be_visible()

    async def reauthenticate(self) -> Dialog:
        """Begin to give a new key."""
        await self._asks_for_key.click()
        dialog = Dialog(self._window)
        await dialog.until_step(_REAUTH)
        return dialog

    async def until_key_is_not_wanted(self) -> None:
        """Wait until the page does not ask for a new key any more."""
        await expect(self._asks_for_key).to_have_count(0)
        await expect(self._entry).not_to_contain_text("Failed to set up")

    @property
    def _asks_for_key(self) -> Locator:
        return self._page.get_by_role("button", name="Reconfigure", exact=True)


class DevicePage:
    """The page of the service that an entry is, with its entities."""

    def __init__(self, window: Window) -> None:
        """Look at it in this window."""
        self._window = window
        self._cards = window.page.locator("ha-device-entities-card")

    async def open(self, device_id: str) -> None:
        """Go there."""
        await self._window.open(f"/config/devices/device/{device_id}")
        await expect(self._cards.first).to_be_visible()

    async def show_disabled(self) -> None:
        """Show the entities that are switched off, too."""
        for more in await self._cards.get_by_text("disabled entit").all():
            await more.click()

    async def until_state(self, key: str, shown: str) -> None:
        """Wait until a sensor, by its translation key, has a state as the page writes it."""
        name = text(f"entity.sensor.{key}.name")
        row = self._cards.locator("hui-sensor-entity-row", has_text=name)
        await expect(row.first).to_contain_text(shown)

    async def until_shown(self, entity: Json) -> None:
        """Wait for an entity of the registry, under the name that its translation has."""
        platform = entity["entity_id"].partition(".")[0]
        name = text(f"entity.{platform}.{entity['translation_key']}.name")
        await expect(self._cards.get_by_text(name, exact=True).first).to_be_visible()


class QuestionsDashboard:
    """The dashboard with what a home has asked BigQuery."""

    def __init__(self, window: Window) -> None:
        """Look at it in this window."""
        self._window = window
        self._page = window.page

    async def open(self) -> None:
        """Go there."""
        await self._window.open(f"/{QUESTIONS_URL}/0")

    async def until_shown(self, name: str, answer: str) -> None:
        """Wait until the tile of a sensor, by its name, has an answer."""
        tile = self._page.locator("hui-tile-card", has_text=name)
        await expect(tile.first).to_contain_text(answer)

    async def until_drawn(self) -> None:
        """Wait until the statistic has its bars, and the recorder's history its line."""
        for card in ("hui-statistics-graph-card", "hui-history-graph-card"):
            chart = self._page.locator(card)
            await expect(chart.locator("canvas").first).to_be_visible()
            await expect(chart.get_by_text("No statistics found")).to_have_count(0)


class ActionsPage:
    """Tools, Actions: where an action is performed by hand."""

    def __init__(self, window: Window) -> None:
        """Look at it in this window."""
        self._window = window
        self._page = window.page
        self._perform = self._page.get_by_role("button", name="Perform action")

    async def open_export_now(self) -> None:
        """Choose to export now."""
        chosen = json.dumps({"action": f"{DOMAIN}.export_now", "data": {"flush": True}})
        await self._window.remember("panel-dev-action-state-service-data", chosen)
        await self._window.open("/config/tools/action")
        await expect(self._page.get_by_text(text(_ACTION), exact=True).first).to_be_visible()
        await expect(self._perform).to_be_enabled()

    async def perform(self) -> None:
        """Perform the action, without a look at what comes of it."""
        await self._perform.click()

    async def until_answered(self) -> str:
        """Return the response, as it is shown."""
        response = self._page.locator("ha-card", has_text="Response").locator(".cm-content")
        await expect(response).to_be_visible()
        await response.scroll_into_view_if_needed()
        return await response.inner_text()

    async def until_refused(self, key: str) -> None:
        """Wait for an error, by its key."""
        error = self._page.locator("ha-alert", has_text=pattern(f"exceptions.{key}.message"))
        await expect(error).to_be_visible()


class Repair(Dialog):
    """The flow that tries again what failed."""

    def __init__(self, window: Window, issue: str) -> None:
        """Go through the flow of an issue, by its key."""
        super().__init__(window)
        self._key = f"issues.{issue}.fix_flow"

    async def until_open(self) -> None:
        """Wait until it says what to do first."""
        await self.until_step(f"{self._key}.step.confirm")
        await self.until_said(f"{self._key}.step.confirm.description")

    async def until_choices(self) -> None:
        """Wait until it asks what to do."""
        await self.until_said(f"{self._key}.step.init.description")

    async def take(self, step: str) -> None:
        """Take one of the choices, by the key of its step, and wait for that."""
        await self.choose_from_menu(f"{self._key}.step.init.menu_options.{step}")
        await self.until_step(f"{self._key}.step.{step}")

    async def until_failed(self, error: str) -> None:
        """Wait until it says what is still wrong, by the key of the error."""
        await self.until_told(f"{self._key}.error.failed")
        await self.until_said(f"exceptions.{error}.message")


class RepairsPage:
    """Settings > System > Repairs."""

    def __init__(self, window: Window) -> None:
        """Look at it in this window."""
        self._window = window
        self._page = window.page

    async def open(self) -> None:
        """Go there."""
        await self._window.open("/config/repairs")

    async def try_again(self, issue: str) -> Repair:
        """Open an issue, by its key, that is put right by trying again."""
        await self._issue(issue).first.click()
        dialog = Repair(self._window, issue)
        await dialog.until_open()
        return dialog

    async def choose(self, issue: str) -> Repair:
        """Open an issue, by its key, that is put right by a choice."""
        await self._issue(issue).first.click()
        dialog = Repair(self._window, issue)
        await dialog.until_choices()
        return dialog

    async def until_shown(self, issue: str) -> None:
        """Wait until an issue is listed."""
        await expect(self._issue(issue).first).to_be_visible()

    async def until_nothing_is_wrong(self) -> None:
        """Wait until there is nothing to repair."""
        await expect(self._page.get_by_text("There are currently no repairs")).to_be_visible()

    def _issue(self, issue: str) -> Locator:
        return self._page.get_by_text(pattern(f"issues.{issue}.title"))


class Dashboard:
    """The dashboard of the documentation, as a user has copied it."""

    def __init__(self, window: Window) -> None:
        """Look at it in this window."""
        self._window = window
        self._config = load_yaml_dict(str(_TO_COPY))
        self.tiles: dict[str, str] = {
            card["entity"]: card["name"] for card in self._cards() if card["type"] == "tile"
        }
        """The names of the tiles, by the entity that each shows."""

    async def make(self, client: Client) -> None:
        """Copy it into a new dashboard."""
        await client.command(
            "lovelace/dashboards/create", url_path=_DASHBOARD, title=NAME, mode="storage"
        )
        await client.command("lovelace/config/save", url_path=_DASHBOARD, config=self._config)

    async def open(self) -> None:
        """Go there."""
        await self._window.open(f"/{_DASHBOARD}/0")

    async def progress(self, *, above: int = -1) -> int:
        """Return the progress in percent, once it is shown and is above another."""
        (name,) = (
            name for entity, name in self.tiles.items() if entity.endswith("_history_progress")
        )
        tile = self._window.page.locator("hui-tile-card", has_text=name)
        shown = tile.get_by_text(re.compile(r"^\s*\d+ ?%\s*$")).first
        while True:
            await expect(shown).to_be_visible()
            percent = int((await shown.inner_text()).strip().rstrip("% "))
            if percent > above:
                return percent
            await expect(shown).not_to_have_text(re.compile(rf"^\s*{percent} ?%\s*$"))

    def _cards(self) -> list[dict[str, Any]]:
        (view,) = self._config["views"]
        return [card for section in view["sections"] for card in section["cards"]]


class EnergyPage:
    """The Energy dashboard."""

    def __init__(self, window: Window) -> None:
        """Look at it in this window."""
        self._window = window
        self._page = window.page

    async def open_last_year(self) -> None:
        """Go there, and look at the year before this one."""
        await self._window.remember("energy-default-period-_energy_dashboard", "this_year")
        await self._window.open("/energy")
        await self._page.get_by_role("button", name="Previous", exact=True).click()

    async def until_empty(self) -> None:
        """Wait until it says that there is nothing to show."""
        await expect(self._nothing.first).to_be_visible()

    async def until_shown(self) -> None:
        """Wait until there is something to show."""
        table = self._page.locator("hui-energy-sources-table-card")
        await expect(table.get_by_text(re.compile(r"^\s*[1-9][\d.,]+ kWh")).first).to_be_visible()
        await expect(self._nothing).to_have_count(0)

    @property
    def _nothing(self) -> Locator:
        return self._page.get_by_text("There is no data for this period")
