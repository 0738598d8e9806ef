"""Subentry flows of saved queries: a query is tried, and its price is shown, before it is saved."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, override

from homeassistant.config_entries import SOURCE_USER, SubentryFlowResult
from homeassistant.const import CONF_NAME
import probatio

from ..bigquery.select_query import Plan, QueryInvalidError
from ..const import CONF_QUERY, DOMAIN
from ..errors import ExportError
from ..query.answer_columns import sensor_column, statistic_columns
from ..query.query_request import MEGABYTE, price
from ..query.questions import CONF_PARAMETERS, CONF_QUESTION, available
from ..query.refusals import (
    ColumnMissingError,
    ColumnTypeError,
    ColumnUnknownError,
    NotOneSelectError,
    OtherDatasetError,
    QueryMissingError,
    QueryOrQuestionError,
    QuestionUnknownError,
    StatisticColumnsError,
    TooExpensiveError,
    UntoldPriceError,
    UnusableParameterError,
)
from ..query.saved_query import CONF_COLUMN, CONF_HOURS, SavedQueryType, saved_request
from ..scheduler.runtime_data import BigQueryExportConfigEntry
from ..settings.options import options_from
from ..translation import async_number
from .query_form import (
    STATISTIC_SCHEMA,
    async_sensor_schema,
    check_name,
    check_sensor,
    statistic_id_of,
)
from .subentry_flow import SubentryFlow

_OF_THE_QUERY = (
    *(NotOneSelectError, OtherDatasetError, QueryInvalidError, QueryMissingError),
    *(QueryOrQuestionError, QuestionUnknownError, StatisticColumnsError, TooExpensiveError),
    UntoldPriceError,
)
_HOURS_OF_A_MONTH = 730


class SavedQueryFlow(SubentryFlow):
    """Asks for a query, tries it by a dry run, and shows its price before it is saved."""

    kind: ClassVar[SavedQueryType]
    column_field: ClassVar[str]
    """The field where an error of a column is shown."""

    def __init__(self) -> None:
        """Begin before anything is shown."""
        super().__init__()
        self._plan: Plan | None = None

    async def async_step_price(
        self, user_input: dict[str, Any] | None = None
    ) -> SubentryFlowResult:
        """Show what the query costs at most, and save it."""
        if user_input is not None:
            return self._save()
        billed = self._plan.billed if self._plan else 0
        times = -(-_HOURS_OF_A_MONTH // self._data[CONF_HOURS])
        return self.async_show_form(
            step_id="price",
            data_schema=probatio.Schema({}),
            description_placeholders={
                "megabytes": async_number(self.hass, -(-billed // MEGABYTE)),
                "times": async_number(self.hass, times),
                "cost": async_number(self.hass, round(price(billed) * times, 4)),
            },
        )

    @override
    def _unusable(self, entry: BigQueryExportConfigEntry) -> str | None:
        return None if entry.runtime_data.runner.queries.is_on else "queries_off"

    @override
    async def _async_take(
        self, entry: BigQueryExportConfigEntry, user_input: Mapping[str, Any]
    ) -> None:
        self._title = user_input[CONF_NAME].strip()
        self._data = {name: value for name, value in user_input.items() if name != CONF_NAME}
        check_name(self._title)
        self._check_fields()
        with self._errors():
            request = saved_request(self.kind, self._data, entry)
            self._plan = await entry.runtime_data.runner.queries.async_plan(request)
            self._check_columns(self._plan)

    @override
    async def _async_end(self) -> SubentryFlowResult:
        return await self.async_step_price()

    @abstractmethod
    def _check_fields(self) -> None:
        """Check what needs no answer of BigQuery. Raises FormError."""

    @abstractmethod
    def _check_columns(self, plan: Plan) -> None:
        """Check the columns that the answer will have. Raises ExportError."""

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise FormError for an error, at the field where it can be corrected."""
        try:
            yield
        except ExportError as err:
            match err:
                case UnusableParameterError():
                    field = CONF_PARAMETERS
                case ColumnMissingError() | ColumnTypeError() | ColumnUnknownError():
                    field = self.column_field
                case _ if isinstance(err, _OF_THE_QUERY):
                    field = CONF_QUESTION if self._data.get(CONF_QUESTION) else CONF_QUERY
                case _:
                    field = "base"
            raise self._refused(field, err) from err


class SensorFlow(SavedQueryFlow):
    """Asks for a query whose first row has the state of a sensor."""

    kind = SavedQueryType.SENSOR
    column_field = CONF_COLUMN

    @override
    async def _async_schema(self, entry: BigQueryExportConfigEntry) -> probatio.Schema:
        questions = available(options_from(entry.options).tables)
        return await async_sensor_schema(self.hass, questions)

    @override
    def _check_fields(self) -> None:
        check_sensor(self._data)

    @override
    def _check_columns(self, plan: Plan) -> None:
        sensor_column(plan.columns, self._data)


class StatisticFlow(SavedQueryFlow):
    """Asks for a query whose rows are the hours of a statistic."""

    kind = SavedQueryType.STATISTIC
    column_field = CONF_QUERY

    @override
    async def _async_schema(self, entry: BigQueryExportConfigEntry) -> probatio.Schema:
        return STATISTIC_SCHEMA

    @override
    def _check_fields(self) -> None:
        """Check the name, which gives a new statistic its id; it keeps that for ever."""
        if self.source == SOURCE_USER:
            taken = {
                subentry.unique_id
                for entry in self.hass.config_entries.async_entries(DOMAIN)
                for subentry in entry.subentries.values()
            }
            self._unique_id = statistic_id_of(self._title, taken)

    @override
    def _check_columns(self, plan: Plan) -> None:
        statistic_columns(plan.columns)


SAVED_QUERY_FLOWS: Mapping[str, type[SavedQueryFlow]] = {
    flow.kind: flow for flow in (SensorFlow, StatisticFlow)
}
