"""Folders with exported files, and their archive."""

from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any
from unittest.mock import patch

from aiohttp import ClientError
from homeassistant.components.http.auth import async_sign_path
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.bigquery_export.const import DOMAIN
from custom_components.bigquery_export.file_export.stored_files import STORED_FILES, write_archive

VIEW = "custom_components.bigquery_export.http.write_archive"


async def test_download_that_ends_early(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thread does not wait for a client that has gone, and the next one gets all."""
    monkeypatch.setattr(hass.http.app.router, "freeze", lambda: None)
    client = await hass_client_no_auth()
    stored = hass.data[STORED_FILES]
    name, folder = await hass.async_add_executor_job(stored.make)
    assert folder.stat().st_mode & 0o777 == 0o700
    await hass.async_add_executor_job((folder / "a").write_bytes, bytes(50_000_000))
    path = async_sign_path(
        hass, f"/api/{DOMAIN}/files/{name}", timedelta(days=1), use_content_user=True
    )
    assert (await client.get(path)).status == 404, "it is not whole yet"
    stored.async_keep(name)
    ended = Event()

    def watched(*args: Any) -> None:
        try:
            write_archive(*args)
        finally:
            ended.set()

    with patch(VIEW, watched):
        response = await client.get(path)
        await response.content.read(1_000)
        response.close()
        assert await hass.async_add_executor_job(ended.wait, 20)
    assert len(await (await client.get(path)).read()) > 50_000_000


async def test_file_that_goes(
    hass: HomeAssistant,
    loaded: MockConfigEntry,
    hass_client_no_auth: ClientSessionGenerator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A download whose files are deleted meanwhile fails, and does not look whole."""
    monkeypatch.setattr(hass.http.app.router, "freeze", lambda: None)
    client = await hass_client_no_auth()
    stored = hass.data[STORED_FILES]
    name, folder = await hass.async_add_executor_job(stored.make)
    for file in ("a", "b"):
        await hass.async_add_executor_job((folder / file).write_bytes, bytes(1_000_000))
    stored.async_keep(name)
    path = async_sign_path(
        hass, f"/api/{DOMAIN}/files/{name}", timedelta(days=1), use_content_user=True
    )
    gone = [Path(folder / "a"), Path(folder / "gone")]
    with (
        patch.object(Path, "iterdir", return_value=gone),
        pytest.raises(ClientError),
    ):
        await (await client.get(path)).read()
    assert "A download of exported files has failed" in caplog.text
