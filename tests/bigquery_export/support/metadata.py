"""The files that describe the integration."""

import json
from pathlib import Path
from typing import Any

from custom_components.bigquery_export.const import DOMAIN

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "custom_components" / DOMAIN


def read(path: Path) -> Any:
    """Return what a JSON file holds."""
    return json.loads(path.read_text())


ENGLISH = read(FOLDER / "translations" / "en.json")
