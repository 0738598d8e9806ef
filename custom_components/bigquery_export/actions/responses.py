"""The responses of the actions."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from homeassistant.core import HomeAssistant, ServiceResponse, callback
from homeassistant.util import dt as dt_util

from ..bigquery.prices import LEAST_QUERY_BYTES, QUERY_PRICE, TIB
from ..export.reconcile.comparison import Counts
from ..export.session import Result
from ..restore.report import RestoreReport, StatisticReport
from ..runner.requests import VerifyRequest
from ..runner.table_removal import RemovalReport
from ..runner.verifier import Verdict
from ..translation import async_text
from .fields import day_name


def export_response(result: Result) -> ServiceResponse:
    """Return the response of an export: what it has done."""
    response: dict[str, Any] = {
        "export_id": result.export_id,
        "rows": {**result.rows},
        "rejected": result.rejected,
        "repaired": result.repaired,
        "unfit": {**result.unfit},
        "bytes": result.bytes,
        "seconds": round(result.seconds, 3),
    }
    if result.sent_again is None:
        return response
    return {**response, "sent_again": {**result.sent_again}, "damaged": result.damaged}


def removal_response(report: RemovalReport, *, dry_run: bool) -> dict[str, Any]:
    """Return the response of a removal: what BigQuery had, and what is lost with it."""
    tables = {name: asdict(table) for name, table in report.tables.items()}
    return {
        "dry_run": dry_run,
        "tables": tables,
        "views": [*report.views],
        "rows": sum(table.rows for table in report.tables.values()),
        "lost": sum(max(0, one.rows - one.in_recorder) for one in report.tables.values()),
    }


@callback
def verify_response(
    hass: HomeAssistant, request: VerifyRequest, verdict: Verdict
) -> dict[str, Any]:
    """Return the response of a comparison: its result, or how much its queries would read."""
    total = Counts.sum(table.total for table in verdict.tables.values())
    damaged = sum(table.damaged for table in verdict.tables.values())
    sizes = [table.query_bytes for table in verdict.tables.values()]
    charged = sum(max(size, LEAST_QUERY_BYTES) for size in sizes) if request.query else 0
    response: dict[str, Any] = {
        "method": "query" if request.query else "list",
        "first_day": day_name(request.days[0]),
        "last_day": day_name(request.days[-1]),
        "query_bytes": sum(sizes),
        "query_cost": round(charged / TIB * QUERY_PRICE, 6),
    }
    if request.dry_run:
        return {"summary": _summary(hass, _dry_run_key(request), response), **response}
    summary = _summary(hass, _key(total), {**response, **asdict(total)})
    if damaged:
        summary += " " + _summary(hass, "verify_damaged", {"damaged": damaged})
    return {
        "summary": summary,
        **response,
        "rows_listed": sum(table.rows_listed for table in verdict.tables.values()),
        "seconds": round(verdict.seconds, 3),
        "total": asdict(total),
        "tables": {
            name: {
                "total": asdict(table.total),
                "left_out": table.left_out,
                "not_listed_yet": table.not_listed_yet,
                "unreadable": table.unreadable,
                "damaged": table.damaged,
                "rows_listed": table.rows_listed,
                "query_bytes": table.query_bytes,
                "days": {day_name(day): asdict(counts) for day, counts in table.days.items()},
            }
            for name, table in verdict.tables.items()
        },
    }


@callback
def restore_response(hass: HomeAssistant, report: RestoreReport) -> dict[str, Any]:
    """Return the response of a restore: what was found, and what came or would come back."""
    counts = {
        "hours_found": report.total("found"),
        "hours_present": report.total("present"),
        "hours_to_import": report.total("to_import"),
        "hours_left_out": report.total("left_out"),
        "hours_imported": report.imported,
        "sums_adjusted": report.total("adjusted") if report.dry_run else report.adjusted,
    }
    key = "restored_planned" if report.dry_run else f"restored_{report.outcome}"
    placeholders = {
        "to_import": counts["hours_to_import"],
        "statistics": sum(one.to_import > 0 for one in report.statistics.values()),
        "imported": report.imported,
    }
    return {
        "summary": _summary(hass, key, placeholders),
        "dry_run": report.dry_run,
        "outcome": report.outcome.value,
        "source": report.source,
        **counts,
        "all_listed": report.all_listed,
        "statistics": {
            name: _restored_statistic(hass, one) for name, one in report.statistics.items()
        },
    }


def _restored_statistic(hass: HomeAssistant, report: StatisticReport) -> dict[str, Any]:
    """Return what was found of one statistic, without what there is nothing to say of."""
    problem = None
    if report.obstacle:
        placeholders = {"detail": report.detail, "unit": report.unit}
        problem = _summary(hass, report.obstacle, placeholders)
    values = {
        "statistic_id": report.renamed,
        "hours_found": report.found,
        "hours_present": report.present,
        "hours_to_import": report.to_import,
        "hours_left_out": report.left_out,
        "first": _iso(report.first),
        "last": _iso(report.last),
        "sums_adjusted": report.adjusted,
        "converted_from": report.converted,
        "unit": report.unit,
        "problem": problem,
    }
    return {name: value for name, value in values.items() if value is not None}


def _iso(time: float | None) -> str | None:
    return None if time is None else dt_util.utc_from_timestamp(time).isoformat()


def _dry_run_key(request: VerifyRequest) -> str:
    return "verify_price" if request.query else "verify_free"


def _key(total: Counts) -> str:
    """Return the key of the sentence that sums up a comparison."""
    if total.missing:
        return "verify_missing"
    if total.duplicated:
        return "verify_duplicated"
    return "verify_alike" if total.recorder else "verify_nothing"


def _summary(hass: HomeAssistant, key: str, placeholders: Mapping[str, Any]) -> str:
    return async_text(hass, "exceptions", f"{key}.message", placeholders)
