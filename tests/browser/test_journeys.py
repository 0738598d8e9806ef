"""What a user does with the integration, from the first minute on, in a real browser.

The journeys are made one after the other in the same home, and each builds on those before.
"""

import time

from playwright.async_api import expect
import pytest

from tests.bigquery_export.support.copy_folder import CopyFolder
from tests.bigquery_export.support.copy_place import CopyPlace
from tests.demo.saved_queries import (
    add_saved_queries,
    answers,
    light_by_day,
    make_questions_dashboard,
)
from tests.local_bigquery.process import DATA_EDITOR, JOB_USER

from .copies import COPY_FORMS
from .rendered import misread, texts
from .screens import (
    DOMAIN,
    ActionsPage,
    Dashboard,
    DevicePage,
    IntegrationPage,
    QuestionsDashboard,
    RepairsPage,
    SetUp,
)
from .stage import JOURNEYS, Stage, journey
from .texts import text

pytestmark = JOURNEYS

MOST_SCREENS = 4
MOST_VALUES = 5
HOURS_AND_MINUTES = 2
"""Boxes of a time of day."""
COPY = "Cellar of the house"
"""What a copy is called after its name was changed."""
STOPPED = "The export to BigQuery failed: The export was stopped"
"""What the log says where settings are saved while an export runs."""


@journey
async def test_wrong_keys_and_then_the_right_one(on: Stage) -> None:
    """Each wrong key is refused with a sentence, and the same dialog then takes the right one."""
    no_json = on.folder / "notes.json"
    no_json.write_text("My key is under the mat.")
    deleted = on.bigquery.create_key(on.key["client_email"])
    on.bigquery.delete_key(deleted["client_email"], deleted["private_key_id"])
    set_up = SetUp(on.window)

    await set_up.begin()
    await set_up.give_wrong_key(no_json, "not_json")
    await on.window.photograph("key-that-is-no-json")
    await set_up.give_wrong_key(on.key_file(deleted), "key_refused")
    await on.window.photograph("key-that-google-refuses")
    await set_up.give_key(on.key_file(on.key))
    await set_up.fill_in_destination("http://example.com", "")
    async for _ in on.window.sizes():
        await set_up.submit()
        await set_up.until_told("config.error.unsafe_endpoint")
    await on.window.photograph("destination-with-a-wrong-address")
    await set_up.close()


@journey
async def test_from_add_integration_to_the_first_rows(
    on: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key, a destination, what to export, and rows are in BigQuery: little to type."""
    # Only the first states are quick, so that the next journey sees the others.
    on.bigquery.add_fault(
        "BatchCommitWriteStreams", "delay", table="sensor_data", skip=1, times=None, seconds=2
    )
    set_up = SetUp(on.window)
    began = time.monotonic()

    await set_up.begin()
    await on.window.photograph("set-up-key")
    await set_up.give_key(on.key_file(on.key))
    async for _ in on.window.sizes():
        await set_up.until_seen("EU (European Union)")
    await on.window.photograph("set-up-destination")
    await set_up.fill_in_destination(on.bigquery.rest_url, on.bigquery.storage_url)
    await set_up.go_on_to_what()
    await set_up.look_at_the_estimate()
    await on.window.photograph("set-up-what")
    await set_up.last_preset.scroll_into_view_if_needed()
    await on.window.photograph("set-up-event-presets")
    async for _ in on.window.sizes():
        await set_up.privacy.scroll_into_view_if_needed()
        await expect(set_up.privacy).to_be_in_viewport()
    await expect(set_up.begin_now).to_be_checked()
    await set_up.begin_now.scroll_into_view_if_needed()
    await on.window.photograph("set-up-what-further-down")
    await set_up.submit()
    await set_up.until_over()
    await on.window.photograph("set-up-done")
    await set_up.finish()
    # The export begins by itself.
    await on.until_rows()
    seconds = time.monotonic() - began

    with capsys.disabled():
        print(f"\nset-up: screens={set_up.screens} values={set_up.values} seconds={seconds:.0f}")
    assert set_up.screens <= MOST_SCREENS
    assert set_up.values <= MOST_VALUES


@journey
async def test_dashboard_during_a_backfill(on: Stage) -> None:
    """The dashboard to copy shows this home's export, and how its progress moves."""
    dashboard = Dashboard(on.window)
    await dashboard.make(on.client)
    assert dashboard.tiles.keys() <= {entity["entity_id"] for entity in await on.entities()}

    await dashboard.open()
    first = await dashboard.progress()
    await on.window.photograph("dashboard")
    second = await dashboard.progress(above=first)
    await on.window.photograph("dashboard-a-moment-later")
    on.bigquery.clear_faults()

    assert first < second
    await on.until_state("status", "idle")


@journey
async def test_device_page(on: Stage) -> None:
    """It shows every entity by its name, those that are switched off as well."""
    entities = await on.entities()
    device = DevicePage(on.window)

    await device.open(entities[0]["device_id"])
    async for _ in on.window.sizes():
        await device.until_state("backfill_progress", "100%")
        await device.until_state("backfill_time_left", "0m")
        await device.until_state("last_error", text("entity.sensor.last_error.state.none"))
    await on.window.photograph("device", height=1320)
    await device.show_disabled()
    for entity in entities:
        await device.until_shown(entity)
    await on.window.photograph("device-with-disabled-entities")


@journey
async def test_action_with_response(on: Stage) -> None:
    """Tools, Actions shows what an export has done."""
    actions = ActionsPage(on.window)

    await actions.open_export_now()
    await actions.perform()
    answer = await actions.until_answered()
    await on.window.photograph("action")

    assert "export_id: " in answer
    assert "sensor_data: " in answer
    assert "rejected: 0" in answer


@journey
async def test_options(on: Stage) -> None:
    """What is wrong is said, in an open section; what is changed is there when opened again."""
    integration = IntegrationPage(on.window)

    await integration.open()
    options = await integration.configure()
    await on.window.photograph("options")
    await options.last_preset.scroll_into_view_if_needed()
    await on.window.photograph("options-event-presets")
    await options.open_section("storage")
    async for _ in on.window.sizes():
        await options.materialized_views.scroll_into_view_if_needed()
    await on.window.photograph("options-tables-in-bigquery")
    await options.open_section("schedule")
    async for _ in on.window.sizes():
        await expect(options.time_of_day).to_have_count(HOURS_AND_MINUTES)
        await expect(options.month_day).to_have_count(0)
        await expect(options.weekday("mon")).to_have_count(0)
    await options.look_down_to_the_time()
    await on.window.photograph("options-schedule")
    await options.choose(options.frequency("weekly"))
    await options.open_section("transfer")
    await options.batch_rows.fill("3000")
    await on.window.photograph("options-transfer")
    await options.submit()
    await options.until_asked_when()
    await on.window.photograph("options-when")
    async for _ in on.window.sizes():
        await expect(options.time_of_day).to_have_count(HOURS_AND_MINUTES)
        await expect(options.weekday("mon")).to_be_in_viewport()
        await expect(options.month_day).to_have_count(0)
    await options.submit()
    await options.until_told("options.error.weekdays_missing")
    await options.tick(options.weekday("mon"))
    await options.submit()
    await options.until_over()
    await on.window.photograph("options-saved")
    await options.finish()
    options = await integration.configure()
    await options.open_section("schedule")
    await options.open_section("transfer")

    await expect(options.frequency("weekly")).to_be_checked()
    await expect(options.frequency("daily")).not_to_be_checked()
    await expect(options.weekday("mon")).to_be_checked()
    await expect(options.batch_rows).to_have_value("3000")
    await options.untick(options.weekday("mon"))
    async for _ in on.window.sizes():
        await options.look_at_the_top()
        await options.submit()
        await options.until_told("options.error.weekdays_missing")
        await options.weekday("mon").scroll_into_view_if_needed()
    await on.window.photograph("options-without-a-day")
    await options.close()


@journey
async def test_own_column(on: Stage) -> None:
    """An own column is added, is in the list when opened again, and is removed."""
    on.expected.append(STOPPED)
    integration = IntegrationPage(on.window)

    await integration.open()
    options = await integration.configure()
    await options.open_section("own")
    form = await options.begin_own_column()
    await on.window.photograph("own-column")
    await form.fill_in(name="light_level", attribute="brightness")
    await form.add()
    await expect(options.own_column("light_level")).to_contain_text("brightness")
    await on.window.photograph("options-own-columns")
    await options.submit()
    await options.until_over()
    await options.finish()
    options = await integration.configure()
    await options.open_section("own")
    await options.remove_own_column("light_level")
    await options.submit()
    await options.until_over()
    await options.finish()
    options = await integration.configure()
    await options.open_section("own")
    await expect(options.own_column("light_level")).to_have_count(0)
    await options.close()
    await on.client.until_loaded(DOMAIN)
    await on.until_state("status", "idle")


@journey
@pytest.mark.parametrize("kind", COPY_FORMS)
async def test_copy(on: Stage, kind: str) -> None:
    """A copy says what does not fit, then begins at once, is changed, and has a device."""
    on.expected.append(STOPPED)
    integration = IntegrationPage(on.window)

    with COPY_FORMS[kind](on.folder) as form:
        await integration.open()
        dialog = await integration.add_copy(kind)
        await on.window.photograph(f"copy-in-{kind}")
        await dialog.type_all({"name": "Cellar", **form.typed})
        await dialog.submit()
        await dialog.until_told(f"exceptions.{form.error}.message")
        await on.window.photograph(f"copy-in-{kind}-refused")
        await dialog.type_all(form.retyped)
        if form.chosen:
            await dialog.choose(dialog.choice(form.chosen))
        await dialog.submit()
        await dialog.until_over()
        await on.window.photograph(f"copy-in-{kind}-saved")
        await dialog.finish()
        await on.client.until_loaded(DOMAIN)
        dialog = await integration.reconfigure_copy(kind, "Cellar")
        for field, value in form.shown.items():
            await dialog.until_has(field, value)
        await on.window.photograph(f"copy-in-{kind}-reconfigured")
        await dialog.type("name", COPY)
        await dialog.submit()
        await dialog.until_ended()
        await dialog.close()
        await on.client.until_loaded(DOMAIN)
        await integration.until_copy_shown(COPY)
        await on.window.photograph(f"integration-with-a-copy-in-{kind}")
        device = DevicePage(on.window)
        entities = [one for one in await on.entities() if one["config_subentry_id"]]
        await device.open(entities[0]["device_id"])
        await device.until_state("last_export", "ago")
        await on.window.photograph(f"device-of-a-copy-in-{kind}")
        assert form.place.rows()
        await on.until_state("status", "idle")
        if kind == CopyFolder.kind:
            await repair_a_copy(on, device, form.place)
        await integration.open()
        await integration.delete_copy(COPY)
        await on.client.until_loaded(DOMAIN)
        await on.until_state("status", "idle")


async def repair_a_copy(on: Stage, device: DevicePage, place: CopyPlace) -> None:
    """Let a copy fail, and repair it: once its place takes it again, and not before."""
    on.expected.append(f"The copy {COPY} failed")
    place.refuse()
    await on.client.perform_action_with_response(DOMAIN, "export_now", {"flush": True})
    await device.until_state("status", text("entity.sensor.status.state.failed"))
    repairs = RepairsPage(on.window)
    await repairs.open()
    repair = await repairs.try_again("copy_failed")
    await on.window.photograph("repair-of-a-copy")
    await repair.submit()
    await repair.until_told("issues.copy_failed.fix_flow.error.failed")
    await on.window.photograph("repair-of-a-copy-that-did-not-help")
    place.accept()
    await repair.submit()
    await repair.until_over()
    await repair.finish()
    await repairs.until_nothing_is_wrong()


@journey
async def test_questions(on: Stage) -> None:
    """Queries are switched on once the role is there, and BigQuery's answers are shown."""
    integration = IntegrationPage(on.window)

    await integration.open()
    options = await integration.configure()
    await options.open_section("querying")
    await options.tick(options.queries)
    await on.window.photograph("options-queries")
    await options.submit()
    await options.until_told("options.error.queries_unusable")
    await on.window.photograph("options-queries-refused")
    on.grant(DATA_EDITOR, JOB_USER)
    await options.submit()
    await options.until_over()
    await options.finish()
    await on.client.until_loaded(DOMAIN)
    dialog = await integration.add_sensor()
    await on.window.photograph("sensor-from-sql")
    await dialog.close()
    (entry,) = await on.client.entries(DOMAIN)
    await add_saved_queries(on.client, entry["entry_id"])
    shown = await answers(on.client)
    await light_by_day(on.client)
    await make_questions_dashboard(on.client)
    dashboard = QuestionsDashboard(on.window)
    await dashboard.open()
    await dashboard.until_shown("Most active entity", shown["Most active entity"])
    await dashboard.until_drawn()
    await on.window.photograph("questions", height=900)


@journey
async def test_view(on: Stage) -> None:
    """BigQuery's reason stands in the form; then the view is there, and its form shows it again."""
    integration = IntegrationPage(on.window)

    await integration.open()
    dialog = await integration.add_view()
    await on.window.photograph("view-from-sql")
    await dialog.type("name", "lights")
    await dialog.write("SELECT nothing FROM `{dataset}.sensor_data`")
    await dialog.submit()
    await dialog.until_told("exceptions.query_invalid.message")
    await on.window.photograph("view-that-bigquery-refuses")
    await dialog.write("SELECT entity_id, state FROM `{dataset}.sensor_data`")
    await dialog.submit()
    await dialog.until_over()
    await dialog.finish()
    await on.window.photograph("integration-with-a-view")
    dialog = await integration.reconfigure_view("lights")
    await on.window.photograph("view-reconfigured")
    await dialog.submit()
    await dialog.until_ended()
    await dialog.close()


@journey
async def test_texts(on: Stage) -> None:
    """Texts are read as they were written: the frontend takes no star of a pattern away."""
    integration = IntegrationPage(on.window)

    await integration.open()
    options = await integration.configure()
    assert await misread(on.window, texts()) == {}
    stars = "Like person.* or *.bedroom_*."
    assert await misread(on.window, {"stars": stars}) == {"stars": "Like person.* or .bedroom_."}
    await options.close()


@journey
async def test_reconfigure(on: Stage) -> None:
    """Key and destination are shown again, and when nothing is changed the export goes on."""
    before = await on.client.entries(DOMAIN)
    integration = IntegrationPage(on.window)

    await integration.open()
    dialog = await integration.reconfigure()
    await on.window.photograph("key-and-destination")
    await dialog.submit()
    await dialog.until_ended()
    await dialog.until_said("config.abort.reconfigure_successful")
    await on.window.photograph("key-and-destination-saved")
    await dialog.close()

    assert [entry["title"] for entry in await on.client.entries(DOMAIN)] == [
        entry["title"] for entry in before
    ]
    await on.until_state("status", "idle")


@journey
async def test_repair(on: Stage) -> None:
    """Repairs says what to do, what is still wrong, and is empty once it is right."""
    actions = ActionsPage(on.window)
    repairs = RepairsPage(on.window)

    on.grant()
    await actions.open_export_now()
    await actions.perform()
    await actions.until_refused("permission_missing")
    await on.window.photograph("action-refused")
    await repairs.open()
    await repairs.until_shown("permission_missing")
    await on.window.photograph("repairs")
    repair = await repairs.try_again("permission_missing")
    await on.window.photograph("repair")
    await repair.submit()
    await repair.until_failed("permission_missing")
    await on.window.photograph("repair-that-did-not-help")
    on.grant(DATA_EDITOR)
    await repair.submit()
    await repair.until_over()
    await on.window.photograph("repair-done")
    await repair.finish()
    await repairs.until_nothing_is_wrong()


@journey
async def test_another_export(on: Stage) -> None:
    """After a copy of the home has exported, Repairs asks which one goes on."""
    on.expected.append("Rows were exported that the checkpoint of this Home Assistant does not")
    actions = ActionsPage(on.window)
    repairs = RepairsPage(on.window)

    await on.export_elsewhere()
    await actions.open_export_now()
    await actions.perform()
    await actions.until_refused("another_export")
    await repairs.open()
    await repairs.until_shown("another_export")
    repair = await repairs.choose("another_export")
    await on.window.photograph("repair-another-export")
    await repair.take("take_over")
    await on.window.photograph("repair-take-over")
    await repair.submit()
    await repair.until_over()
    await repair.finish()
    await repairs.until_nothing_is_wrong()
    await on.until_state("status", "idle")


@journey
async def test_new_key(on: Stage) -> None:
    """When Google does not accept the key any more, a user is asked for a new one, and gives it."""
    on.expected.append("could not authenticate: Google does not accept the key")
    integration = IntegrationPage(on.window)
    new_key = on.bigquery.create_key(on.key["client_email"])
    on.bigquery.delete_key(on.key["client_email"], on.key["private_key_id"])

    await on.reload()
    await integration.open()
    await integration.until_key_is_wanted()
    await on.window.photograph("key-wanted")
    dialog = await integration.reauthenticate()
    await on.window.photograph("new-key")
    await dialog.upload(on.key_file(new_key))
    await dialog.submit()
    await dialog.until_ended()
    await dialog.until_said("config.abort.reauth_successful")
    await on.window.photograph("new-key-accepted")
    await dialog.close()
    await integration.until_key_is_not_wanted()
    await on.until_state("status", "idle")
