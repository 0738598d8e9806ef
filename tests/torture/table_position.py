"""How far the integration says that it is: what its checkpoint says."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from custom_components.bigquery_export.export.document_file import document_of
from tests.home.client import Json


class TablePosition:
    """Reads the checkpoint, which may be damaged or not there."""

    def __init__(self, checkpoint: Path) -> None:
        """Name the file; each method reads it anew."""
        self._checkpoint = checkpoint

    @property
    def backfills(self) -> Mapping[str, Json]:
        """Return the positions of those backfills that are not done, by their names."""
        return {
            position_key: position
            for position_key, position in self._positions.items()
            if position["until"]
        }

    @property
    def gaps(self) -> Mapping[str, tuple[float, float]]:
        """Return the gaps of which the export tells, from a time to another, by table."""
        gaps: list[Json] = self._content.get("gaps", [])
        return {gap["table"]: (gap["since"], gap["until"]) for gap in gaps}

    def exported(self, newest: Mapping[str, int]) -> dict[str, int]:
        """Return up to which ids all is exported, after an export up to the newest ones.

        What waits of a backfill is not.
        """
        backfills = self.backfills
        return {
            table: min(id_, backfills.get(f"{table}.backfill", {"cursor": id_})["cursor"])
            for table, id_ in newest.items()
        }

    def waiting(self, newest: Mapping[str, int]) -> int:
        """Return how many rows wait, about."""
        positions = self._positions
        new: int = sum(
            max(0, id_ - positions.get(table, {"cursor": 0})["cursor"])
            for table, id_ in newest.items()
        )
        backfills = self.backfills.values()
        old: int = sum(position["until"] - position["cursor"] for position in backfills)
        return new + old

    def __str__(self) -> str:
        """Return it in a few words."""
        content = self._content
        if not (positions := content.get("positions")):
            return "nothing exported"
        table_position = ", ".join(
            f"{position_key} {position['cursor']}"
            + (f" of {until}" if (until := position["until"]) else "")
            + (f" (in doubt to {in_doubt})" if (in_doubt := position["in_doubt_until"]) else "")
            for position_key, position in positions.items()
        )
        intent = content["intent"]
        return table_position + (
            f", a transaction of {intent['position_key']} in doubt" if intent else ""
        )

    @property
    def _positions(self) -> dict[str, Json]:
        positions: dict[str, Json] = self._content.get("positions", {})
        return positions

    @property
    def _content(self) -> Json:
        """Return what the checkpoint says, and nothing if it cannot be read."""
        with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
            content: Json = document_of(self._checkpoint.read_bytes())
            return content
        return {}
