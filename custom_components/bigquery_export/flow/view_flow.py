"""The subentry flow of views of the user's own: BigQuery checks one by making it."""

from collections.abc import Mapping
import re
from typing import Any, override

from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_NAME
from homeassistant.helpers.selector import TextSelector
import probatio

from ..bigquery.fence_table import FENCE
from ..bigquery.own_views import DATASET
from ..bigquery.recorder_views import RECORDER_NAMES
from ..bigquery.select_query import QueryInvalidError
from ..bigquery.views import MATERIALIZED_VIEWS, RETIRED, VIEWS
from ..const import CONF_QUERY
from ..errors import (
    AccessDeniedError,
    ExportError,
    NameTakenError,
    PermissionMissingError,
    RowsHiddenError,
)
from ..export.tables import TABLES
from ..rows.export_log import EXPORT_LOG
from ..scheduler.runtime_data import BigQueryExportConfigEntry
from ..settings.destination import destination_from
from ..settings.options import options_from
from ..settings.view_subentries import own_view, own_views
from .field_rules import FormError
from .selectors import SQL
from .subentry_flow import SubentryFlow

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")
"""Names that need no quotes in SQL, of those that BigQuery takes ("Create logical views")."""
_SCHEMA = probatio.Schema(
    {probatio.Required(CONF_NAME): TextSelector(), probatio.Required(CONF_QUERY): SQL}
)
_READING = "bigquery.tables.getData"


class ViewFlow(SubentryFlow):
    """Asks for a name and a SELECT, and makes the view before the subentry is saved.

    If Home Assistant ends in between, the next export deletes a view without a subentry, or gives
    it the query that its subentry has.
    """

    @property
    @override
    def _placeholders(self) -> Mapping[str, str]:
        return {"example": f"`` `{DATASET}.sensor_data` ``"}  # Quoted, as SQL is to have it.

    @override
    async def _async_schema(self, entry: BigQueryExportConfigEntry) -> probatio.Schema:
        return _SCHEMA

    @override
    async def _async_take(
        self, entry: BigQueryExportConfigEntry, user_input: Mapping[str, Any]
    ) -> None:
        name, query = user_input[CONF_NAME].strip(), user_input[CONF_QUERY].strip().rstrip(";")
        self._check_name(entry, name)
        if not query:
            raise FormError({CONF_QUERY: "view_query_missing"})
        self._title = self._unique_id = name
        self._data = {CONF_NAME: name, CONF_QUERY: query}
        try:
            await entry.runtime_data.runner.tables.async_put_view(own_view(self._data))
        except NameTakenError as err:
            raise FormError({CONF_NAME: "view_name_taken"}) from err
        except ExportError as err:
            raise self._refused(CONF_QUERY if _is_of_query(err) else "base", err) from err

    def _check_name(self, entry: BigQueryExportConfigEntry, name: str) -> None:
        """Check that a name can be a view's, and is no other's. Raises FormError.

        A dataset may tell names apart by more than capital letters, or may not.
        """
        if not _NAME.fullmatch(name):
            raise FormError({CONF_NAME: "view_name_invalid"})
        if name.casefold() in _reserved(entry) or name.casefold().startswith(FENCE):
            raise FormError({CONF_NAME: "view_name_reserved"})
        others = {view.name.casefold() for view in own_views(entry)}
        if self.source != SOURCE_USER:
            others.discard(self._get_reconfigure_subentry().data[CONF_NAME].casefold())
        if name.casefold() in others:
            raise FormError({CONF_NAME: "view_name_in_use"})


def _reserved(entry: BigQueryExportConfigEntry) -> set[str]:
    """Return the names of all that an export makes, in small letters."""
    made = {view.name for view in (*VIEWS, *MATERIALIZED_VIEWS)}
    names = {*TABLES, EXPORT_LOG.name, destination_from(entry.data).table, *made, *RETIRED}
    prefix = options_from(entry.options).recorder_prefix
    if prefix and "." not in prefix:
        names |= {f"{prefix}{name}" for name in RECORDER_NAMES}
    return {name.casefold() for name in names}


def _is_of_query(err: ExportError) -> bool:
    """Return whether a user can correct an error in the query: it may read what it may not."""
    if isinstance(err, PermissionMissingError):
        return err.permission == _READING
    return isinstance(err, (AccessDeniedError, QueryInvalidError, RowsHiddenError))
