"""The fields of the action that asks BigQuery, and its response."""

from typing import Any

from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers import config_validation as cv
import probatio

from ..bigquery.select_query import Column, Plan
from ..const import CONF_QUERY
from ..query.query_request import QueryAnswer, QueryRequest, price
from ..query.questions import CONF_PARAMETERS, CONF_QUESTION, statement_of
from ..scheduler.runtime_data import BigQueryExportConfigEntry
from ..settings.choices import MAX_QUERY_MEGABYTES
from ..translation import async_text
from .fields import CONF_DRY_RUN, ENTRY_SCHEMA

CONF_MAX_MEGABYTES = "max_megabytes"
CONF_MAX_ROWS = "max_rows"
MAX_ROWS = 10_000
QUERY_SCHEMA = ENTRY_SCHEMA.extend(
    {
        probatio.Optional(CONF_QUERY): cv.string,
        probatio.Optional(CONF_QUESTION): cv.string,
        probatio.Optional(CONF_PARAMETERS, default={}): {cv.string: object},
        probatio.Optional(CONF_MAX_ROWS, default=1_000): probatio.All(
            probatio.Coerce(int), probatio.Range(min=1, max=MAX_ROWS)
        ),
        probatio.Optional(CONF_MAX_MEGABYTES): probatio.All(
            probatio.Coerce(int), probatio.Range(min=1, max=MAX_QUERY_MEGABYTES)
        ),
        probatio.Optional(CONF_DRY_RUN, default=False): cv.boolean,
    }
)


def query_request(call: ServiceCall, entry: BigQueryExportConfigEntry) -> QueryRequest:
    """Return the query that an action asks for. Raises ExportError."""
    data = call.data
    return QueryRequest(
        statement_of(data, entry),
        data[CONF_MAX_ROWS],
        data.get(CONF_MAX_MEGABYTES),
        call.context.user_id,
    )


@callback
def plan_response(hass: HomeAssistant, plan: Plan) -> dict[str, Any]:
    """Return the response of a query that was not run: what it reads, and what that costs."""
    return {
        "summary": _summary(hass, "query_price", plan.billed),
        "bytes": plan.bytes,
        "bytes_billed": plan.billed,
        "cost": round(price(plan.billed), 6),
        "tables": [str(resource) for resource in (*plan.tables, *plan.routines)],
        "columns": _columns(plan.columns),
    }


def answer_response(found: QueryAnswer) -> dict[str, Any]:
    """Return the response of a query: its rows, and what they have cost."""
    answer = found.answer
    return {
        "rows": answer.rows,
        "columns": _columns(answer.columns),
        "row_count": len(answer.rows),
        "truncated": answer.is_truncated,
        "bytes_billed": answer.bytes_billed,
        "cost": round(price(answer.bytes_billed), 6),
        "cached": answer.is_cached,
        "seconds": round(found.seconds, 3),
    }


def _columns(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    return [
        {"name": column.name, "type": column.type, "repeated": column.repeated}
        for column in columns
    ]


def _summary(hass: HomeAssistant, key: str, size: int) -> str:
    placeholders = {"bytes": size, "cost": round(price(size), 6)}
    return async_text(hass, "exceptions", f"{key}.message", placeholders)
