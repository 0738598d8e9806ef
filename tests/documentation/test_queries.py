"""Every query of the documentation, asked of a home in the local BigQuery."""

from datetime import UTC, datetime
import json
from pathlib import Path
import re
from typing import Any

import pytest

from custom_components.bigquery_export.export.tables import TABLES as CHOICES
from tests.bigquery_export.support.warehouse import Warehouse
from tests.local_bigquery.process import LocalBigQueryError

from .home import GUEST, NOW
from .markdown import COOKBOOK, PAGES, ROOT, Query, answer_shown, queries

QUERIES = [query for page in PAGES for query in queries(page)]
RECIPES = queries(COOKBOOK)
SHOWN = [(page, query) for page in PAGES for query in queries(page) if answer_shown(page, query)]
"""The queries whose answer is shown below them, such as that of the README."""
(DELETION, _) = [query for query in QUERIES if query.page == "privacy.md"]
(UNION,) = [query for query in QUERIES if query.page == "migration.md"]
_ASKED = (*(query for _, query in SHOWN), DELETION, UNION)
OTHERS = [query for query in QUERIES if query not in _ASKED]
MORE = "…"
"""The row that stands for others."""
_MICROSECONDS = re.compile(r"\d{16}")
REPLACEMENTS = {
    r"my-project\.old_dataset\b": "{project}.old",
    r"my-project\.home_assistant\b": "{project}.home",
    r"CURRENT_TIMESTAMP\(\)": NOW,
    r"\$?\{dataset\}": "{project}.home",
    r"\$\{statistic\}": "sensor.outdoor_temperature",
    r"@DS_START_DATE": "'20260923'",
    r"@DS_END_DATE": "'20261030'",
    r"\$__timeFilter\((\w+)\)": rf"\1 BETWEEN TIMESTAMP '2026-10-01' AND {NOW}",
}
"""What stands for the home's own names and time, and what dashboards put in."""


def ask(home: Warehouse, sql: str) -> list[dict[str, Any]]:
    """Return the answer to a query, in the home's project and at the home's time."""
    for pattern, replacement in REPLACEMENTS.items():
        sql = re.sub(pattern, replacement.replace("{project}", home.project), sql)
    return home.server.query(sql, home.project)


def shown(value: str | None) -> str:
    """Return a value of the REST API as BigQuery's console shows it."""
    if value is None:
        return ""
    if _MICROSECONDS.fullmatch(value):
        return f"{datetime.fromtimestamp(int(value) / 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return value.removesuffix(".0")


def line(row: tuple[str, ...]) -> str:
    """Return a row as text."""
    return " | ".join(row)


@pytest.mark.parametrize(
    ("page", "query"),
    SHOWN,
    ids=lambda value: value.title if isinstance(value, Query) else value.name,
)
def test_answers(home: Warehouse, socket_enabled: None, page: Path, query: Query) -> None:
    """A query has the answer that is shown below it, which was made by hand."""
    answer = ask(home, query.sql)
    rows = [tuple(answer[0]), *(tuple(map(shown, row.values())) for row in answer)]
    expected = [
        ".*" if row[0] == MORE else re.escape(line(row)) for row in answer_shown(page, query)
    ]
    assert re.fullmatch("\n".join(expected), "\n".join(map(line, rows)), re.DOTALL)


def test_number_of_recipes() -> None:
    """There are twenty recipes that the tests run, each with a title of its own, and four more.

    Those that they run show an answer, as the README and the pages on data and views do.
    """
    assert {page.name for page, _ in SHOWN} == {"README.md", "data.md", "cookbook.md", "views.md"}
    assert {query for query in RECIPES if not query.real_only} <= {query for _, query in SHOWN}
    assert len({query.title for query in RECIPES}) == len(RECIPES)
    assert [query.real_only for query in RECIPES] == [False] * 20 + [True] * 4


MODELS = [query for query in RECIPES if " AI." in query.sql]


@pytest.mark.parametrize("query", MODELS, ids=lambda query: query.title)
def test_models(home: Warehouse, socket_enabled: None, query: Query) -> None:
    """What a model is given has the columns that are named, and only BigQuery has the model."""
    with pytest.raises(LocalBigQueryError, match=r"(?i)forecast|anomalies"):
        ask(home, query.sql)
    given = re.findall(r"^  \(\n(.*?)^  \),$", query.sql, re.DOTALL | re.M)
    named = dict(re.findall(r"(\w+)_col => '(\w+)'", query.sql))
    assert named == {"timestamp": "start", "data": "mean"}
    assert given
    for inner in given:
        (first, *_) = ask(home, inner)
        assert list(first) == [named["timestamp"], named["data"]]


def test_contribution_analysis(home: Warehouse, socket_enabled: None) -> None:
    """The model is given the columns that its options name, of the types that it takes."""
    (query,) = (query for query in RECIPES if "CONTRIBUTION_ANALYSIS" in query.sql)
    model, insights, drop = query.statements
    options, _, inner = model.partition(") AS\n")
    row, *_ = ask(home, inner)
    dimensions = re.findall(r"\w+", re.findall(r"DIMENSION_ID_COLS = \[(.*)\]", options)[0])
    (metric,), (test,) = (
        re.findall(rf"{name} = '(?:SUM\()?(\w+)", options)
        for name in ("CONTRIBUTION_METRIC", "IS_TEST_COL")
    )
    assert list(row) == [*dimensions, metric, test]
    assert row["weekday"] in {"Wednesday", "Thursday"}
    assert float(row[metric]) >= 0
    assert row[test] in {"true", "false"}
    (name,) = re.findall("MODEL (`.*`)", model)
    assert f"MODEL {name}" in insights
    assert drop == f"DROP MODEL {name}"


def test_graph(home: Warehouse, socket_enabled: None) -> None:
    """The nodes and edges of the graph have the columns that it names, and each end is a node."""
    (query,) = (query for query in RECIPES if "PROPERTY GRAPH" in query.sql)
    view, graph, _ = query.statements
    nodes = ask(home, view.partition(" AS\n")[2])
    by_table = re.split("EDGE TABLES", graph)
    named_nodes, named_edges = (
        [names.split(", ") for names in re.findall(r"(?:KEY|PROPERTIES) \(([\w, ]+)\)", part)]
        for part in by_table
    )
    key, _ = named_nodes
    edges = ask(
        home,
        f"SELECT {', '.join({name for names in named_edges for name in names})}"  # noqa: S608
        " FROM `my-project.home_assistant.relationships_latest`",
    )
    ids = {tuple(node[name] for name in key) for node in nodes}
    assert len(ids) == len(nodes)
    _, *ends, _ = named_edges
    assert {tuple(edge[name] for name in end) for edge in edges for end in ends} == ids


@pytest.mark.parametrize("query", OTHERS, ids=lambda query: f"{query.page}: {query.title}")
def test_queries_elsewhere(home: Warehouse, socket_enabled: None, query: Query) -> None:
    """A query on another page can be run, and has an answer if it asks for one."""
    if query.real_only:
        pytest.skip("nothing but the real BigQuery can run it")
    for statement in query.statements:
        answer = ask(home, statement)
        if not statement.startswith("DELETE"):
            assert answer, "tests/documentation/home.py has nothing that answers it"


PANELS = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())["panels"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_panels(home: Warehouse, socket_enabled: None, panel: dict[str, Any]) -> None:
    """The query of each panel of Grafana has an answer, in the columns that the panel needs."""
    (target,) = panel["targets"]
    assert "$__timeFilter(" in target["rawSql"]
    answer = ask(home, target["rawSql"])
    assert answer, "tests/documentation/home.py has nothing that answers it"
    if panel["type"] == "timeseries":
        assert target["format"] == 0
        assert list(answer[0]) == ["time", "value", "metric"]
        assert all(_MICROSECONDS.fullmatch(row["time"]) for row in answer)
    else:
        assert target["format"] == 1


def test_dashboard_of_grafana() -> None:
    """Each panel has an id and a place of its own, and asks the data source that is imported."""
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS}) == len(PANELS)
    source = {"type": "grafana-bigquery-datasource", "uid": "${DS_BIGQUERY}"}
    for panel in PANELS:
        assert panel["datasource"] == panel["targets"][0]["datasource"] == source


def test_deletion(home: Warehouse, socket_enabled: None) -> None:
    """Nothing is left of an entity that is deleted as the page on privacy says, and all else is."""

    def rows() -> dict[str, tuple[int, int]]:
        """Return for each table how many rows are about the guest, and how many there are."""
        counts = {}
        for table in CHOICES:
            (row,) = ask(
                home,
                f"SELECT COUNTIF(STRPOS(TO_JSON_STRING(r), '\"{GUEST}\"') > 0) AS guest,"  # noqa: S608
                f" COUNT(*) AS every FROM `my-project.home_assistant.{table}` AS r",
            )
            counts[table] = int(row["guest"]), int(row["every"])
        return counts

    before = rows()
    assert {table: guest for table, (guest, _) in before.items()} == {
        "sensor_data": 1,
        "statistics": 1,
        "statistics_short_term": 0,
        "events": 2,
        "recorder_runs": 0,
        "schema_changes": 0,
        "statistics_runs": 0,
        "entities": 1,
        "relationships": 2,
        "migration_changes": 0,
        "integrations": 0,
        "daily_statistics": 1,
        "devices": 0,
    }
    for statement in DELETION.statements:
        ask(home, statement)
    assert rows() == {table: (0, every - guest) for table, (guest, every) in before.items()}


def test_union_with_the_old_table(home: Warehouse, socket_enabled: None) -> None:
    """The view over both histories has each state once: the old ones up to the first export."""
    (view,) = UNION.statements
    rows = ask(
        home,
        f"SELECT last_updated FROM ({view}) WHERE entity_id = 'light.kitchen'"  # noqa: S608
        " ORDER BY last_updated LIMIT 4",
    )
    assert [shown(row["last_updated"]) for row in rows] == [
        "2026-10-27 10:00:00 UTC",
        "2026-10-27 22:00:00 UTC",
        "2026-10-28 00:30:00 UTC",
        "2026-10-28 19:00:00 UTC",
    ]


def test_large_tables_are_pruned() -> None:
    """Every recipe that reads a large table has a condition on the column of its partitions."""
    columns = {
        "sensor_data": "last_changed",
        "events": "time_fired",
        "statistics_latest": "start",
        "recorder_runs": "start",
        "export_log": "finished",
    }
    for query in RECIPES:
        for table, column in columns.items():
            reads = query.sql.count(f"home_assistant.{table}`")
            conditions = re.findall(
                rf"(?:WHERE|AND) (?:\w+\.)?{column} >= TIMESTAMP_SUB\(CURRENT_TIMESTAMP", query.sql
            )
            assert len(conditions) >= reads, f"{query.title}: {table}"
