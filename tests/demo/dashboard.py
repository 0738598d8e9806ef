"""What there is to see in the demonstration: the dashboard, and nothing to repair."""

from homeassistant.util.yaml import load_yaml_dict

from tests.home.client import Client
from tests.home.home_assistant import REPOSITORY

URL = "bigquery-export"
"""The address of the dashboard in Home Assistant."""
_DASHBOARD = REPOSITORY / "docs" / "dashboard.yaml"
_HOW_IT_IS_STARTED = ("http", "deprecated_yaml")
"""The repair that is about how the demonstration tells Home Assistant its port."""
_OF_STATISTICS = {"mean_type_changed", "state_class_removed", "units_changed"}
"""What Home Assistant makes a repair of within half an hour."""


async def make_dashboard(client: Client) -> set[str]:
    """Copy the dashboard of the documentation, as a user would; return entities it lacks."""
    config = load_yaml_dict(str(_DASHBOARD))
    shown = {
        card["entity"]
        for view in config["views"]
        for section in view["sections"]
        for card in section["cards"]
        if "entity" in card
    }
    await client.command(
        "lovelace/dashboards/create", url_path=URL, title="BigQuery Export", mode="storage"
    )
    await client.command("lovelace/config/save", url_path=URL, config=config)
    return shown - {state["entity_id"] for state in await client.states()}


async def find_repairs(client: Client) -> list[str]:
    """Return what there is to repair, now or when Home Assistant looks at statistics next."""
    found = []
    for issue in (await client.command("repairs/list_issues"))["issues"]:
        domain, issue_id = issue["domain"], issue["issue_id"]
        if (domain, issue_id) == _HOW_IT_IS_STARTED:
            await client.command(
                "repairs/ignore_issue", domain=domain, issue_id=issue_id, ignore=True
            )
        elif not issue["ignored"]:
            found.append(f"{domain}: {issue_id}")
    for statistic, wrong in (await client.command("recorder/validate_statistics")).items():
        kinds = {one["type"] for one in wrong}
        found += [f"{statistic}: {kind}" for kind in kinds & _OF_STATISTICS]
    return found
