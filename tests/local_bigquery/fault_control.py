"""The calls below /local/ that change settings, and add, show and clear faults."""

from aiohttp import web

from .control import answering
from .errors import invalid
from .faults import FaultRules, Rule
from .rest import json_body
from .schema import Json
from .settings import Settings


class FaultControl:
    """Lets a test make BigQuery slow, poor and unreliable."""

    def __init__(self, faults: FaultRules, settings: Settings) -> None:
        """Act on these."""
        self._faults = faults
        self._settings = settings

    def register(self, app: web.Application) -> None:
        """Add the calls to the application."""
        for method, path, handler in (
            ("POST", "/local/faults", self.add),
            ("GET", "/local/faults", self.show),
            ("DELETE", "/local/faults", self.clear),
            ("PATCH", "/local/settings", self.change_settings),
        ):
            app.router.add_route(method, path, answering(handler))

    async def add(self, request: web.Request) -> Json:
        """Add a rule; see `faults.Rule` and `fault_kinds.Details` for what it can say."""
        try:
            rule = Rule.from_json(await json_body(request))
        except TypeError as error:
            raise invalid(f"This is no rule: {error}") from None
        return {"id": self._faults.add(rule)}

    async def show(self, request: web.Request) -> Json:
        """Return all rules and how often each matched and acted."""
        return {"faults": self._faults.to_json()}

    async def clear(self, request: web.Request) -> None:
        """Forget all rules; calls that are delayed go on at once."""
        self._faults.clear()

    async def change_settings(self, request: web.Request) -> None:
        """Change some of the settings."""
        self._settings.change(await json_body(request))
