"""The yardstick: what anybody would write to fetch the rows, and nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from custom_components.bigquery_export.source.plan import PIECE_ROWS

from .stopwatch import Stopwatch

READ = "read"
COLUMNS = (
    "state_id",
    "entity_id",
    "state",
    "last_changed_ts",
    "last_updated_ts",
    "shared_attrs",
    "context_id_bin",
    "context_user_id_bin",
    "context_parent_id_bin",
)
_PAGE = """\
SELECT states.state_id, meta.entity_id, states.state, states.last_changed_ts,
  states.last_updated_ts, shared.shared_attrs, states.context_id_bin,
  states.context_user_id_bin, states.context_parent_id_bin
FROM states
LEFT JOIN states_meta AS meta ON meta.metadata_id = states.metadata_id
LEFT JOIN state_attributes AS shared ON shared.attributes_id = states.attributes_id
WHERE states.state_id > {0} AND states.state_id <= {0}
ORDER BY states.state_id LIMIT {0}"""

type Connect = Callable[[], tuple[Any, str]]
"""Returns a connection of a database's own driver, and how that marks a parameter in SQL."""
type Row = Sequence[Any]
"""The values of COLUMNS."""


@dataclass(slots=True)
class Pages:
    """The rows with their entity ids and attributes, page by page, by the id of the last row."""

    connect: Connect
    rows: int = 0
    _cursor: int = 0
    _connection: Any = field(init=False)
    _statement: str = field(init=False)

    def open(self) -> None:
        """Connect."""
        self.rows = self._cursor = 0
        self._connection, mark = self.connect()
        self._statement = _PAGE.format(mark)

    def next(self, until: int) -> Sequence[Row]:
        """Return the next rows up to an id, or none."""
        cursor = self._connection.cursor()
        cursor.execute(self._statement, (self._cursor, until, PIECE_ROWS))
        page: Sequence[Row] = cursor.fetchall()
        cursor.close()
        # As short a transaction as the integration's.
        self._connection.rollback()
        if page:
            self._cursor = page[-1][0]
            self.rows += len(page)
        return page

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class PlainReading:
    """Fetches all rows, a page at a time, and forgets them."""

    name = "plain reading"
    piece_rows = PIECE_ROWS
    sent = 0

    def __init__(self, connect: Connect) -> None:
        """Read from this database."""
        self._pages = Pages(connect)

    @property
    def rows(self) -> int:
        """Return how many rows were read."""
        return self._pages.rows

    def begin(self) -> None:
        """Begin before the first row."""
        self._pages.open()

    def work(self, until: int, observer: Stopwatch) -> None:
        """Fetch the rows up to an id."""
        while self._pages.next(until):
            pass
        observer.lap(READ)

    def end(self) -> None:
        """Close the database."""
        self._pages.close()
