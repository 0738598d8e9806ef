"""The configurations on `docs/milliseconds.md`, which are those that are run."""

from typing import Any

from homeassistant.util.yaml import parse_yaml

from tests.documentation.markdown import ROOT, code

PAGE = ROOT / "docs" / "milliseconds.md"
RECEIVER = "http://192.168.1.10:8080"
"""Where the page has the program that an automation tells of exports."""
TOKEN = "TOKEN"  # noqa: S105 - it stands for one
HOME = "192.168.1.5:8123"
"""Where the page has Home Assistant."""


def configuration(*integrations: str) -> str:
    """Return what the page adds to configuration.yaml for these integrations."""
    return "\n".join(
        block for block in code(PAGE, "yaml") if not parsed(block).keys().isdisjoint(integrations)
    )


def scrape_configuration(home: str, token: str) -> str:
    """Return the page's settings of Prometheus, for a Home Assistant at an address."""
    (settings,) = (block for block in code(PAGE, "yaml") if "scrape_configs" in parsed(block))
    assert HOME in settings
    return settings.replace(HOME, home).replace(TOKEN, token)


def base_topic() -> str:
    """Return under which topic states are published."""
    topic: str = parsed(configuration("mqtt_statestream"))["mqtt_statestream"]["base_topic"]
    return topic


def parsed(block: str) -> dict[str, Any]:
    """Return what a block of YAML says."""
    content = parse_yaml(block)
    assert isinstance(content, dict)
    return content
