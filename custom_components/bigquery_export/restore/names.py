"""Under which id a statistic of BigQuery belongs into the recorder."""

from collections.abc import Iterable
import re

from homeassistant.components.recorder.statistics import valid_statistic_id
from homeassistant.core import valid_entity_id

from ..const import DOMAIN
from ..rows.privacy import Privacy
from .importer import RECORDER
from .request import RestoreRequest

_PSEUDONYM = re.compile(r"(^|[.:])hidden_[0-9a-f]{16}$")


class Names:
    """Finds the recorder's ids of BigQuery's statistics, and which of them are wanted."""

    def __init__(self, request: RestoreRequest, privacy: Privacy, known: Iterable[str]) -> None:
        """Take what is wanted, and the ids that are known here, whose pseudonyms are computed."""
        self._request = request
        self._hidden = {privacy.entity(name): name for name in known if privacy.is_hidden(name)}
        self._wanted: dict[str, bool] = {}

    def includes(self, name: str) -> bool:
        """Return whether a statistic of BigQuery is wanted, by its id there or here."""
        if name not in self._wanted:
            wanted = self._request.includes(name) or self._request.includes(self.local(name))
            self._wanted[name] = wanted
        return self._wanted[name]

    def local(self, name: str) -> str:
        """Return the id that a statistic has, or is to have, in the recorder."""
        return self._request.renames.get(name) or self._hidden.get(name, name)

    def is_unknown_pseudonym(self, name: str) -> bool:
        """Return whether an id in BigQuery stands for one that is not known here."""
        return self.local(name) == name and _PSEUDONYM.search(name) is not None


def source_of(statistic_id: str) -> str | None:
    """Return the source that the recorder wants for a statistic; None where its id is not valid.

    Those that saved queries have in the recorder are not valid here: only their queries write them.
    """
    if valid_entity_id(statistic_id):
        return RECORDER
    if valid_statistic_id(statistic_id):
        source = statistic_id.partition(":")[0]
        return None if source == DOMAIN else source
    return None
