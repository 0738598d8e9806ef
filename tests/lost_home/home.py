"""A Home Assistant whose recorder has a database of its own, which can be lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import override

from tests.bigquery_export.support.databases import empty_database
from tests.home.client import Json
from tests.home.home_assistant import HomeAssistant
from tests.home.launcher import MEASUREMENTS

_RECORDER = "recorder:\n"


@dataclass(slots=True)
class Databases:
    """Two empty databases: the one that is lost, and the next one."""

    lost: str
    next: str


@contextmanager
def databases(kind: str, folder: Path) -> Iterator[Databases]:
    """Make both, and drop them at the end."""
    with empty_database(kind, folder) as lost, empty_database(kind, folder) as new:
        yield Databases(lost, new)


class Home(HomeAssistant):
    """A Home Assistant with a database that is named in its configuration."""

    def __init__(self, directory: Path, url: str) -> None:
        """Describe it."""
        super().__init__(directory, environment={MEASUREMENTS: str(directory / "measurements")})
        self.url_of_database = url
        self.measurements = directory / "measurements"

    def use(self, url: str) -> None:
        """Use another database from the next start on."""
        self.url_of_database = url
        self._name_database()

    @override
    def _write_configuration(self) -> None:
        super()._write_configuration()
        self._name_database()

    @override
    async def _keep_http_settings(self) -> None:
        await super()._keep_http_settings()
        self._name_database()

    def _name_database(self) -> None:
        path = self.directory / "configuration.yaml"
        lines = [line for line in path.read_text().splitlines() if "db_url:" not in line]
        text = "\n".join(lines) + "\n"
        path.write_text(
            text.replace(_RECORDER, f'{_RECORDER}  db_url: "{self.url_of_database}"\n', 1)
        )

    async def shown(self) -> dict[str, dict[float, Json]]:
        """Return what Home Assistant shows by hour: all fields by statistic and start."""
        listed = await self.client.command("recorder/list_statistic_ids")
        found: dict[str, dict[float, Json]] = {}
        for statistic_id in sorted(one["statistic_id"] for one in listed):
            rows = await self.client.command(
                "recorder/statistics_during_period",
                start_time="2000-01-01T00:00:00+00:00",
                period="hour",
                statistic_ids=[statistic_id],
                units={"volume": "m³"},
                types=["change", "last_reset", "max", "mean", "min", "state", "sum"],
            )
            found |= {name: {row["start"]: row for row in some} for name, some in rows.items()}
        return found
