"""Questions that have a name: the views and table functions of the dataset."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.util import dt as dt_util

from ..bigquery.connection import Destination
from ..bigquery.select_query import Statement
from ..bigquery.views import VIEWS, View, views
from ..const import CONF_QUERY
from ..rows.table import Table
from ..settings.destination import destination_from
from ..settings.options import options_from
from .parameters import ParameterError, parameters_of, typed
from .refusals import (
    QueryMissingError,
    QueryOrQuestionError,
    QuestionNotMadeError,
    QuestionUnknownError,
    UnusableParameterError,
)

CONF_PARAMETERS = "parameters"
CONF_QUESTION = "question"
QUESTIONS: Mapping[str, View] = {view.name: view for view in VIEWS}
"""All of them, by name."""
_DAY = timedelta(days=1)
_STEP_SECONDS = 3_600


def available(tables: Iterable[Table]) -> frozenset[str]:
    """Return the names of those that the dataset has, where these tables are exported."""
    return frozenset(view.name for view in views(tables))


def statement_of(data: Mapping[str, Any], entry: ConfigEntry) -> Statement:
    """Return what fields of a form or an action ask now: a query, or a question by its name.

    Raises ExportError.
    """
    sql = data.get(CONF_QUERY, "").strip()
    name = data.get(CONF_QUESTION)
    values = data.get(CONF_PARAMETERS) or {}
    if sql and name:
        raise QueryOrQuestionError
    try:
        if sql:
            return Statement(sql, parameters_of(values))
        if not name:
            raise QueryMissingError
        _check_question(name, available(options_from(entry.options).tables))
        return question(name, destination_from(entry.data), values, dt_util.utcnow())
    except ParameterError as err:
        raise UnusableParameterError(name=str(err)) from err


def _check_question(name: str, known: Collection[str]) -> None:
    """Raise ExportError unless the dataset has a question."""
    if name not in known:
        kind = QuestionNotMadeError if name in QUESTIONS else QuestionUnknownError
        raise kind(name=name, known=", ".join(sorted(known)))


def question(
    name: str, destination: Destination, values: Mapping[str, Any], now: datetime
) -> Statement:
    """Return the query of a question.

    Of what is not given, `end_time` and `moment` are now, `begin_time` is a day before the end,
    `since` 30 days before the moment or now, and `step_seconds` an hour. Raises ParameterError,
    also for a value that the question does not take.
    """
    view = QUESTIONS[name]
    if unknown := values.keys() - dict(view.arguments).keys():
        raise ParameterError(min(unknown))
    defaults = _defaults(view, values, now)
    missing = [argument for argument, _ in view.arguments if argument not in defaults]
    if missing:
        raise ParameterError(missing[0])
    parameters = tuple(
        typed(argument, type_, defaults[argument]) for argument, type_ in view.arguments
    )
    reference = destination.dataset_reference.table(name)
    called = f"({', '.join(f'@{argument}' for argument, _ in view.arguments)})"
    sql = f"SELECT * FROM `{reference}`{called if parameters else ''}"  # noqa: S608
    return Statement(sql, parameters)


def _defaults(view: View, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the values of a question's arguments, and defaults where it has them."""
    found = {"step_seconds": _STEP_SECONDS, **values}
    for name, before, days in (
        ("end_time", None, 0),
        ("moment", None, 0),
        ("begin_time", "end_time", 1),
        ("since", "moment", 30),
    ):
        if name not in found and name in dict(view.arguments):
            anchor = typed(name, "TIMESTAMP", found[before]).value if before in found else now
            found[name] = anchor - days * _DAY
    return found
