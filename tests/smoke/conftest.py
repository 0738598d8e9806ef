"""The local BigQuery, in the place of the real one."""

import pytest

from custom_components.bigquery_export.bigquery import views
from tests.local_bigquery.fixtures import local_bigquery

__all__ = ["local_bigquery"]


@pytest.fixture(autouse=True)
def few_views(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let only one test make all views and functions: they take the local BigQuery seconds."""
    if request.node.name != "test_both_roles":
        few = [view for view in views.VIEWS if view.name in ("states_between", "statistics_latest")]
        monkeypatch.setattr(views, "VIEWS", few)
