"""A real Home Assistant in a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
import json
import os
from pathlib import Path
import shutil
import socket
import sys
from types import TracebackType
from typing import Self

import aiohttp

from tests.machine.patience import patient

from .client import Client
from .local_time import Place

USER = "demo"
PASSWORD = "demo"  # noqa: S105 - printed for a user who wants to look around
TIME_ZONE = "Europe/Amsterdam"
PLACE = Place(TIME_ZONE, latitude=52.3731, longitude=4.8922, elevation=2)
DATABASE = "home-assistant_v2.db"

SECONDS_TO_START = 60
SECONDS_TO_STOP = 30

REPOSITORY = Path(__file__).parents[2]
INTEGRATION = REPOSITORY / "custom_components" / "bigquery_export"
LAUNCHER = Path(__file__).with_name("launcher.py")

# default_config needs the internet, and hardware; these are what a home's history needs.
COMMIT_INTERVAL = 1
NO_PURGE = "  auto_purge: false\n"
CONFIGURATION = f"""\
homeassistant:
  name: Home
  latitude: {PLACE.latitude}
  longitude: {PLACE.longitude}
  elevation: {PLACE.elevation}
  unit_system: metric
  currency: EUR
  country: NL
  language: en
  time_zone: {TIME_ZONE}
recorder:
  commit_interval: {COMMIT_INTERVAL}
{NO_PURGE}logger:
  default: info
api:
automation:
config:
diagnostics:
file_upload:
frontend:
history:
input_boolean:
input_number:
logbook:
person:
repairs:
scene:
script:
sun:
system_health:
template:
zone:
"""
# Its other steps would start integrations that need the internet.
ONBOARDING = {
    "version": 4,
    "minor_version": 1,
    "key": "onboarding",
    "data": {"done": ["core_config", "analytics", "integration"]},
}


class StartError(Exception):
    """Home Assistant did not start; the text says why and where its log is."""


def free_port() -> int:
    """Return a port of the loopback interface on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class HomeAssistant:
    """A Home Assistant with its own configuration directory, onboarded, with a token.

    `async with` starts and stops it. What is in the directory already, such as a recorder
    database, is used; custom integrations are linked, not copied. It can be stopped, killed and
    started again, and it ends when this process does, however that ends.
    """

    client: Client

    def __init__(
        self,
        directory: Path,
        *,
        integrations: Sequence[Path] = (INTEGRATION,),
        configuration: str = "",
        debug: bool = False,
        environment: Mapping[str, str] | None = None,
        commit_interval: int = COMMIT_INTERVAL,
        db_url: str | None = None,
    ) -> None:
        """Describe it; with `debug`, asyncio names callbacks that hold the event loop up.

        `configuration` is YAML that comes beside what every home here has.
        `environment` is added to that of this process; `launcher.py` reads it. The recorder
        commits every `commit_interval` seconds, to the database `db_url` if that is given.
        """
        self.directory = directory
        self.database = directory / DATABASE
        self.log_file = directory / "stdout.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._integrations = integrations
        self._configuration = configuration
        self._debug = debug
        self._recorder = f"  commit_interval: {commit_interval}\n"
        if db_url:
            self._recorder += f'  db_url: "{db_url}"\n'
        self._environment = {**(environment or {})}
        self._process: asyncio.subprocess.Process | None = None
        self._resources = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start it for the first time; make an owner and a token."""
        async with AsyncExitStack() as resources:
            session = await resources.enter_async_context(aiohttp.ClientSession())
            resources.push_async_callback(self.stop)
            self._write_configuration()
            await self._launch()
            async with self._in_time():
                await self._until_it_listens(session)
                self.client = Client(session, self.url, await self._onboard(session))
                await self._keep_http_settings()
                await self._until_it_runs()
            self._resources = resources.pop_all()
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it for good, whatever happened."""
        await self._resources.aclose()

    @asynccontextmanager
    async def copied(self, directory: Path) -> AsyncIterator[HomeAssistant]:
        """Return a copy of this one, which rests, for a second machine; it is not started yet.

        It has a port of its own, and all else as here, the database and the token too. It is
        stopped at the end; this one must not be stopped before.
        """
        shutil.copytree(self.directory, directory, symlinks=True)
        copy = HomeAssistant(directory, environment=self._environment)
        copy.log_file.unlink(missing_ok=True)
        path = directory / ".storage" / "http"
        http = json.loads(path.read_bytes())
        http["data"]["stable"]["server_port"] = copy.port
        path.write_text(json.dumps(http))
        copy.client = self.client.at(copy.url)
        try:
            yield copy
        finally:
            await copy.stop()

    def log(self) -> str:
        """Return all that it has logged so far, over all starts."""
        return self.log_file.read_text(errors="replace")

    @property
    def exit_status(self) -> int | None:
        """How the process ended: 0 is in good order, None is not yet."""
        return None if self._process is None else self._process.returncode

    @property
    def process(self) -> int:
        """Return the process id of one that runs."""
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Start it again and wait until it runs."""
        await self._launch()
        async with self._in_time():
            await self._until_it_runs()

    async def stop(self) -> None:
        """Stop it as a user would, and by force if that takes too long."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with patient(SECONDS_TO_STOP):
                await self._process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    def _write_configuration(self) -> None:
        storage = self.directory / ".storage"
        storage.mkdir(parents=True, exist_ok=True)
        (storage / "onboarding").write_text(json.dumps(ONBOARDING))
        http = f"http:\n  server_host: 127.0.0.1\n  server_port: {self.port}\n"
        (self.directory / "configuration.yaml").write_text(self._yaml + http)
        (self.directory / "tmp").mkdir(exist_ok=True)
        custom_components = self.directory / "custom_components"
        custom_components.mkdir(exist_ok=True)
        for integration in self._integrations:
            (custom_components / integration.name).symlink_to(integration.resolve())

    @property
    def _yaml(self) -> str:
        usual = f"  commit_interval: {COMMIT_INTERVAL}\n"
        return CONFIGURATION.replace(usual, self._recorder) + self._configuration

    async def _launch(self) -> None:
        arguments = ["--config", str(self.directory), "--skip-pip", "--log-no-color"]
        if self._debug:
            arguments.append("--debug")
        # Without bytecode every start would compile Home Assistant again.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        # When one starts or stops, it deletes the uploads of all that share a folder for them.
        environment["TMPDIR"] = str(self.directory / "tmp")
        with self.log_file.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # this folder is no place to import from
                str(LAUNCHER),
                *arguments,
                # Ends with this process, and tells the launcher so.
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment | self._environment,
                # Ctrl-C in a terminal is for this process, which then stops that one.
                start_new_session=True,
            )

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with patient(SECONDS_TO_START):
                yield
        except TimeoutError:
            raise StartError(
                f"Home Assistant did not run after {SECONDS_TO_START} s, see {self.log_file}"
            ) from None

    async def _until_it_listens(self, session: aiohttp.ClientSession) -> None:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(f"{self.url}/api/onboarding") as response:
                    if response.ok:
                        return
            await self._wait_a_little()

    async def _until_it_runs(self) -> None:
        while True:
            with suppress(aiohttp.ClientError):
                if await self.client.core_state() == "RUNNING":
                    return
            await self._wait_a_little()

    async def _wait_a_little(self) -> None:
        assert self._process is not None
        if self._process.returncode is not None:
            raise StartError(
                f"Home Assistant ended with status {self._process.returncode}, see {self.log_file}"
            )
        await asyncio.sleep(0.05)

    async def _onboard(self, session: aiohttp.ClientSession) -> str:
        """Make the owner and return a long-lived access token."""
        client_id = f"{self.url}/"
        owner = {
            "client_id": client_id,
            "name": "Demo",
            "username": USER,
            "password": PASSWORD,
            "language": "en",
        }
        async with session.post(f"{self.url}/api/onboarding/users", json=owner) as response:
            response.raise_for_status()
            code = (await response.json())["auth_code"]
        grant = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
        async with session.post(f"{self.url}/auth/token", data=grant) as response:
            response.raise_for_status()
            short_lived: str = (await response.json())["access_token"]
        token: str = await Client(session, self.url, short_lived).command(
            "auth/long_lived_access_token", client_name="tests", lifespan=3650
        )
        return token

    async def _keep_http_settings(self) -> None:
        """Confirm the imported `http:` settings: unconfirmed, they are undone after 5 minutes."""
        await self.client.command("http/config/promote")
        # Once imported, they have no place in the YAML any more.
        (self.directory / "configuration.yaml").write_text(self._yaml)
