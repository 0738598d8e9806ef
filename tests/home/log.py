"""Read Home Assistant's log for what an integration did wrong."""

from collections.abc import Iterator
import re

_BEGINNING = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ (?P<level>[A-Z]+) ")
_SLOW_CALLBACK = "[asyncio] Executing "
_LEVELS = frozenset({"WARNING", "ERROR", "CRITICAL"})


def problems(log: str, domain: str) -> list[str]:
    """Return the warnings and errors that name the integration, with their tracebacks.

    With `HomeAssistant(debug=True)`, callbacks in its code that hold the event loop up are among
    them; Home Assistant's own, such as those that set it up, are not. Neither is the notice that
    Home Assistant gives about every custom integration.
    """
    notice = f"We found a custom integration {domain} which has not been tested by Home Assistant"
    return [
        record
        for level, record in _records(log)
        if level in _LEVELS
        and (f"custom_components/{domain}/" if _SLOW_CALLBACK in record else domain) in record
        and notice not in record
    ]


def _records(log: str) -> Iterator[tuple[str, str]]:
    """Yield each record's level and text; a traceback belongs to the line that it follows."""
    level = ""
    lines: list[str] = []
    for line in log.splitlines():
        if beginning := _BEGINNING.match(line):
            yield level, "\n".join(lines)
            level, lines = beginning["level"], []
        lines.append(line)
    yield level, "\n".join(lines)
