"""How long it takes to import the integration: `python -m tests.benchmark.import_time`.

Home Assistant and those of its own integrations that every home has are imported before, as in a
home. What is measured happens on Home Assistant's executor for imports, off the event loop.
"""

from importlib import import_module
import json
from pathlib import Path
import resource
import time

BEFORE = (
    "homeassistant.bootstrap",
    "homeassistant.runner",
    "homeassistant.components.http",
    "homeassistant.components.recorder.core",
    "homeassistant.components.recorder.statistics",
    "homeassistant.components.sensor",
    "homeassistant.components.switch",
)
MEASURED = tuple(
    f"custom_components.bigquery_export{module}"
    for module in ("", ".config_flow", ".diagnostics", ".sensor", ".switch")
)


def main() -> None:
    """Print seconds and bytes as JSON."""
    for name in BEFORE:
        import_module(name)
    memory, wall, cpu = _memory(), time.perf_counter(), time.process_time()
    for name in MEASURED:
        import_module(name)
    result = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "memory": _memory() - memory,
    }
    print(json.dumps(result))


def _memory() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
