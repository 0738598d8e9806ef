"""Lets the test plugin run with a Home Assistant that is newer than it.

pytest-homeassistant-custom-component is made for one version of Home Assistant, and each new one
has to wait for it. pytest loads this module before its plugins; with a Home Assistant that the
plugin is made for it does nothing.
"""

from importlib import import_module
from importlib.metadata import requires, version

PLUGIN = "pytest-homeassistant-custom-component"


def _make_room() -> None:
    """Give the plugin what it would look for in vain."""
    # Since 2026.11, Home Assistant stands httpx2 in for httpx before any other module imports that.
    import_module("homeassistant")
    # It is gone since 2026.11. The plugin clears with it what tests have changed of log levels.
    logger = import_module("homeassistant.components.logger")
    vars(logger).setdefault("_clear_logger_overwrites", lambda _: None)


if f"homeassistant=={version('homeassistant')}" not in (requires(PLUGIN) or ()):
    _make_room()
