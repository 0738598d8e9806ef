"""What actions answer with."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from homeassistant.core import ServiceResponse
from homeassistant.helpers.translation import async_get_exception_message

from ..bigquery.prices import LEAST_QUERY_BYTES, QUERY_PRICE, TIB
from ..const import DOMAIN
from ..export.reconcile.comparison import Counts
from ..export.session import Result
from ..runner.requests import VerifyRequest, day_name
from ..runner.verifier import Verdict


def export_response(result: Result) -> ServiceResponse:
    """Return what an export has done."""
    response: dict[str, Any] = {
        "export_id": result.export_id,
        "rows": {**result.rows},
        "rejected": result.rejected,
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
    }
    return (
        response if result.sent_again is None else {**response, "sent_again": {**result.sent_again}}
    )


def verify_response(wanted: VerifyRequest, verdict: Verdict) -> Mapping[str, Any]:
    """Return what a comparison has found, or what its queries would read."""
    total = Counts.sum(table.total for table in verdict.tables.values())
    sizes = [table.query_bytes for table in verdict.tables.values()]
    charged = sum(max(size, LEAST_QUERY_BYTES) for size in sizes) if wanted.query else 0
    response: dict[str, Any] = {
        "method": "query" if wanted.query else "list",
        "first_day": day_name(wanted.days[0]),
        "last_day": day_name(wanted.days[-1]),
        "query_bytes": sum(sizes),
        "query_cost": round(charged / TIB * QUERY_PRICE, 6),
    }
    if wanted.dry_run:
        return {"summary": _sentence(_price_key(wanted), **_placeholders(response)), **response}
    return {
        "summary": _sentence(
            _key(total), **_placeholders(response), **_placeholders(asdict(total))
        ),
        **response,
        "rows_listed": sum(table.rows_listed for table in verdict.tables.values()),
        "seconds": round(verdict.seconds, 3),
        "total": asdict(total),
        "tables": {
            name: {
                "total": asdict(table.total),
                "left_out": table.left_out,
                "unreadable": table.unreadable,
                "rows_listed": table.rows_listed,
                "query_bytes": table.query_bytes,
                "days": {day_name(day): asdict(counts) for day, counts in table.days.items()},
            }
            for name, table in verdict.tables.items()
        },
    }


def _price_key(wanted: VerifyRequest) -> str:
    return "verify_price" if wanted.query else "verify_free"


def _key(total: Counts) -> str:
    """Return which sentence says it in short."""
    if total.missing:
        return "verify_missing"
    if total.duplicated:
        return "verify_duplicated"
    return "verify_alike" if total.recorder else "verify_nothing"


def _placeholders(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _sentence(key: str, **placeholders: str) -> str:
    return f"{async_get_exception_message(DOMAIN, key, placeholders)}."
