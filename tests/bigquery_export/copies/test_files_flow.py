"""The form of a copy in files: where the folder may be, and what is wrong with it."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, SubentryFlowContext
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.requirements import RequirementsNotFound
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.bigquery_export.const import DOMAIN
from custom_components.bigquery_export.copies import open_destination
from custom_components.bigquery_export.copies.files import set_up
from custom_components.bigquery_export.copies.files.folder import Mark
from custom_components.bigquery_export.copies.files.folder_errors import FolderNotAllowedError
from custom_components.bigquery_export.file_formats.file_format import FormatName
from tests.bigquery_export.support.copy_folder import CopyFolder
from tests.bigquery_export.support.copy_place import put_copy
from tests.bigquery_export.support.recording import numbers, record


async def begin(
    hass: HomeAssistant, entry: MockConfigEntry, subentry_id: str | None = None
) -> dict[str, Any]:
    """Begin the flow of a new copy, or of one that there is."""
    context = SubentryFlowContext(source=SOURCE_USER)
    if subentry_id:
        context = SubentryFlowContext(source=SOURCE_RECONFIGURE, subentry_id=subentry_id)
    return dict(
        await hass.config_entries.subentries.async_init((entry.entry_id, "files"), context=context)
    )


async def submit(
    hass: HomeAssistant, flow_id: str, folder: Path | str, format_: str = "jsonl"
) -> dict[str, Any]:
    """Submit the form."""
    values = {"name": "At home", "folder": str(folder), "format": format_}
    return dict(await hass.config_entries.subentries.async_configure(flow_id, values))


async def test_add(
    hass: HomeAssistant, loaded: MockConfigEntry, copy_folder: CopyFolder, tmp_path: Path
) -> None:
    """What is wrong is told at the folder; then it is put right, and the copy begins at once."""
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    await record(hass, 3)
    flow = (await begin(hass, loaded))["flow_id"]
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "photo.jpg").touch()
    (tmp_path / "link").symlink_to("/etc")
    (tmp_path / "file").touch()
    other = tmp_path / "other"
    Mark("one", "another home", "jsonl").write(other)
    for folder, message in (
        ("copy", "may not go to"),
        ("/etc/copy", "may not go to"),
        (tmp_path / "link" / "copy", "may not go to"),
        (hass.config.path("www", "copy"), "may not go to"),
        (hass.config.path(".storage", "copy"), "may not go to"),
        (hass.config.config_dir, "may not go to"),
        (tmp_path / "gone" / "copy", f"no folder {tmp_path / 'gone'},"),
        (tmp_path / "file" / "copy", f"no folder {tmp_path / 'file'},"),
        (tmp_path / "used", "has other files"),
        (other, "of another Home Assistant"),
    ):
        shown = await submit(hass, flow, folder)
        assert shown["type"] is FlowResultType.FORM, folder
        assert shown["errors"] == {"folder": "refused"}, folder
        assert message in shown["description_placeholders"]["message"], folder
    shown = await submit(hass, flow, f" {copy_folder.path}/ ")
    assert shown["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    (subentry,) = loaded.subentries.values()
    assert (subentry.title, subentry.subentry_type) == ("At home", "files")
    states = [row["state"] for row in copy_folder.rows() if row["entity_id"] == "sensor.s0"]
    assert states == numbers(3)


def test_allowed(hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network storage and the configuration are allowed, but not what is no folder of the user."""
    share = tmp_path / "share"
    share.mkdir()
    monkeypatch.setattr(set_up, "_SHARES", (share,))
    monkeypatch.setattr(hass.config, "config_dir", str(tmp_path / "config"))
    for good in (share / "nas" / "home", tmp_path / "config" / "copy"):
        assert set_up.allowed_folder(hass, f"{good}/../{good.name}") == good
    for bad in (share, share / "..", tmp_path / "config" / "www" / "x", Path("/")):
        with pytest.raises(FolderNotAllowedError):
            set_up.allowed_folder(hass, str(bad))


async def test_folder_in_use(
    hass: HomeAssistant, loaded: MockConfigEntry, copy_folder: CopyFolder, tmp_path: Path
) -> None:
    """Two copies cannot go to one folder; after it was deleted, the copy begins again there."""
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    await record(hass, 2)
    subentry = put_copy(hass, loaded, copy_folder)
    await hass.async_block_till_done(wait_background_tasks=True)
    shown = await submit(hass, (await begin(hass, loaded))["flow_id"], copy_folder.path)
    assert shown["errors"] == {"folder": "folder_in_use"}
    before = len(copy_folder.rows())
    assert before >= 2
    copy_folder.path.rename(tmp_path / "away")
    result = await begin(hass, loaded, subentry.subentry_id)
    shown = await submit(hass, result["flow_id"], copy_folder.path)
    assert shown["reason"] == "reconfigure_successful"
    await hass.async_block_till_done(wait_background_tasks=True)
    assert len(copy_folder.rows()) >= before


async def test_library_missing(
    hass: HomeAssistant, loaded: MockConfigEntry, copy_folder: CopyFolder, tmp_path: Path
) -> None:
    """A format whose library cannot be installed is told at its field, and no folder is made."""
    hass.config.allowlist_external_dirs = {str(tmp_path)}
    await record(hass, 1)
    flow = (await begin(hass, loaded))["flow_id"]
    refused = RequirementsNotFound(DOMAIN, ["pyarrow"])
    with patch.object(open_destination, "async_process_requirements", side_effect=refused):
        shown = await submit(hass, flow, copy_folder.path, "parquet")
    assert shown["errors"] == {"format": "refused"}
    assert "pyarrow" in shown["description_placeholders"]["message"]
    assert not copy_folder.path.exists()
    shown = await submit(hass, flow, copy_folder.path, "csv")
    assert shown["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done(wait_background_tasks=True)
    assert replace(copy_folder, format=FormatName.CSV).files()
    (subentry,) = loaded.subentries.values()
    result = await begin(hass, loaded, subentry.subentry_id)
    shown = await submit(hass, result["flow_id"], copy_folder.path, "jsonl")
    assert shown["errors"] == {"format": "refused"}
    assert "in the format CSV." in shown["description_placeholders"]["message"]
