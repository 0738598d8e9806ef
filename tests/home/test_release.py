"""The zip that users install, alone in a Home Assistant of its own."""

import asyncio
import json
from pathlib import Path
import sys
from zipfile import ZipFile

import pytest

from tests.local_bigquery.fixtures import local_bigquery
from tests.local_bigquery.process import DATA_EDITOR, LocalBigQuery

from .home_assistant import INTEGRATION, REPOSITORY, HomeAssistant
from .integration import DOMAIN, add_integration
from .log import problems

__all__ = ["local_bigquery"]

ZIP = json.loads((REPOSITORY / "hacs.json").read_text())["filename"]


async def run(*command: str | Path) -> str:
    """Run a command and return what it says."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


@pytest.mark.usefixtures("socket_enabled")
async def test_release(tmp_path: Path, local_bigquery: LocalBigQuery) -> None:
    """The zip alone is an integration: its configuration is valid, and it can be added and used."""
    archive = tmp_path / ZIP
    version = json.loads((INTEGRATION / "manifest.json").read_text())["version"]
    said = await run(REPOSITORY / "script" / "release", archive)
    assert f"version={version} " in said
    folder = tmp_path / "home"
    with ZipFile(archive) as zipped:
        assert not zipped.testzip()
        zipped.extractall(folder / "custom_components" / DOMAIN)
        names = set(zipped.namelist())
    # HACS unpacks it into the folder of the integration.
    assert {"manifest.json", "translations/en.json", "brand/icon.png", "services.yaml"} <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]

    project = "released"
    local_bigquery.create_project(project)
    key = local_bigquery.create_account(project, [{"role": DATA_EDITOR, "project": project}])
    async with HomeAssistant(folder, integrations=()) as home:
        check = (sys.executable, "-P", "-m", "homeassistant", "--script", "check_config")
        checking = asyncio.create_task(run(*check, "--config", folder, "--fail-on-warnings"))
        client = home.client
        # The views of other tables take the local BigQuery seconds.
        await add_integration(
            client,
            key,
            rest_url=local_bigquery.rest_url,
            storage_url=local_bigquery.storage_url,
            what={"tables": ["sensor_data"]},
        )
        response = await client.perform_action_with_response(DOMAIN, "export_now", {})
        assert response["rows"]["sensor_data"]
        assert "Testing configuration" in await checking
        assert not problems(home.log(), DOMAIN)
