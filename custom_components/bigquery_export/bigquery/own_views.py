"""Views of the user's own: a SELECT that is kept as a view beside the tables.

BigQuery checks the SQL when a view is made or changed, which needs BigQuery Data Editor and no job
(its page "Create logical views"; a dry run would be a job). A label says which config entry a view
belongs to: what lacks it is never changed or deleted.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
import hashlib

from google.api_core.exceptions import Conflict, NotFound, PreconditionFailed, ServiceUnavailable
from google.cloud import bigquery
from google.cloud.bigquery import TableReference
from google.cloud.bigquery.retry import DEFAULT_RETRY

from ..errors import ExportError, NameTakenError, TransientError
from .connection import Connection, Destination
from .select_query import query_errors
from .views import OWNER_LABEL, VERSION_LABEL

DATASET = "{dataset}"
"""What stands in a query for project and dataset, so that it follows the export to another one."""
_DESCRIPTION = "A view of your own, which Home Assistant keeps: change it there."
_TIMEOUT = 30.0
_RETRY = DEFAULT_RETRY.with_timeout(10.0)


@dataclass(frozen=True, slots=True)
class OwnView:
    """A view of the user's own: its name, and its query as it was written."""

    name: str
    query: str

    def sql(self, destination: Destination) -> str:
        """Return its query in a dataset."""
        return self.query.replace(DATASET, f"{destination.project}.{destination.dataset}")


class OwnViews:
    """Keeps the own views of a config entry, the `owner`. The methods block."""

    def __init__(self, connection: Connection, owner: str) -> None:
        """Prepare for a connection's destination; BigQuery is not asked yet."""
        self._connection = connection
        self._client = connection.tables
        self._dataset = connection.destination.dataset_reference
        self._owner = owner.lower()  # As labels are ("Introduction to labels", "Requirements").

    def put(self, view: OwnView) -> None:
        """Make a view, or change the one of its name if it belongs to the owner.

        Raises ExportError: QueryInvalidError for SQL that BigQuery does not take, NameTakenError
        where something else has the name.
        """
        self._put(view, again=True)

    def ensure(self, wanted: Iterable[OwnView], gone: Iterable[str]) -> dict[str, ExportError]:
        """Make, change and check views, and delete those of some names that are the owner's.

        Each is checked, as what it reads may be gone or changed. What was changed in BigQuery's own
        console stays, until the view is changed here.
        Returns why some do not work, or are still there, by their names. Raises TransientError
        where a later attempt may do.
        """
        undeleted = self._try_each(gone, self._delete)
        waiting = list(wanted)
        while True:
            failed = self._try_each(waiting, partial(self._put, again=False))
            # One may read another one, which was not there yet.
            if not failed or len(failed) == len(waiting):
                return {**undeleted, **{view.name: err for view, err in failed.items()}}
            waiting = list(failed)

    def _try_each[T](self, items: Iterable[T], work: Callable[[T], None]) -> dict[T, ExportError]:
        """Do something with each item, and return why it cannot be done with some."""
        failed: dict[T, ExportError] = {}
        for item in items:
            self._connection.wait(0)
            try:
                work(item)
            except TransientError:
                raise
            except ExportError as err:
                failed[item] = err
        return failed

    def _put(self, view: OwnView, *, again: bool) -> None:
        """Make or check a view, and change it where it was made of another query, or `again`."""
        reference = self._dataset.table(view.name)
        sql = view.sql(self._connection.destination)
        version = hashlib.sha256(sql.encode()).hexdigest()[:16]
        found = self._find(reference)
        if found and not self._is_own(found):
            raise NameTakenError(name=str(reference))
        if found is None:
            found = bigquery.Table(reference)
            found.description = _DESCRIPTION
        if again or found.labels.get(VERSION_LABEL) != version:
            found.view_query = sql
            found.labels = {**found.labels, VERSION_LABEL: version, OWNER_LABEL: self._owner}
        with query_errors(self._connection):
            try:
                if found.etag:
                    changed = ["view_query", "labels"]
                    self._client.update_table(found, changed, retry=_RETRY, timeout=_TIMEOUT)
                else:
                    self._client.create_table(found, retry=_RETRY, timeout=_TIMEOUT)
            except (Conflict, PreconditionFailed) as err:
                # It was made or changed meanwhile: it is looked at again.
                raise ServiceUnavailable(err.message) from err

    def _find(self, reference: TableReference) -> bigquery.Table | None:
        with self._connection.errors(), suppress(NotFound):
            return self._client.get_table(reference, retry=_RETRY, timeout=_TIMEOUT)
        return None

    def _delete(self, name: str) -> None:
        found = self._find(self._dataset.table(name))
        if found and self._is_own(found):
            with self._connection.errors():
                self._client.delete_table(
                    found.reference, not_found_ok=True, retry=_RETRY, timeout=_TIMEOUT
                )

    def _is_own(self, found: bigquery.Table) -> bool:
        owner: str | None = found.labels.get(OWNER_LABEL)
        return found.table_type == "VIEW" and owner == self._owner
