"""Which entities a language model may ask about: those that are exposed to it, and exported."""

from collections.abc import Iterable

from homeassistant.components.homeassistant.exposed_entities import async_should_expose
from homeassistant.core import HomeAssistant, callback, valid_entity_id
from homeassistant.helpers import entity_registry as er, intent

from ..home.location import named_choice
from ..home.registries import async_registry_values
from ..rows.privacy import Privacy
from ..settings.options import Options

NOT_FOUND = "There is no such entity, or it may not be asked about. Use a name of an exposed one."
AMBIGUOUS = "Several entities have this name. Give the area, too."


class EntityError(Exception):
    """A name leads to no entity that may be asked about: the text says so to the model."""


class ExposedEntities:
    """The entities of a home that an assistant sees, and that are exported by their own names.

    What is not exposed, goes by a pseudonym in BigQuery or is not exported does not exist: no
    answer tells one from the other.
    """

    def __init__(
        self, hass: HomeAssistant, assistant: str, options: Options, privacy: Privacy
    ) -> None:
        """See what an assistant sees of an export with these options."""
        self._hass = hass
        self._assistant = assistant
        self._filter = named_choice(hass, options.choice).entities
        self._is_hidden = privacy.is_hidden

    @callback
    def async_has(self, entity_id: str) -> bool:
        """Return whether an entity may be asked about."""
        return (
            valid_entity_id(entity_id)
            and self._async_exists(entity_id)
            and async_should_expose(self._hass, self._assistant, entity_id)
            and not self._is_hidden(entity_id)
            and self._filter.includes(entity_id, async_registry_values(self._hass, entity_id))
        )

    @callback
    def _async_exists(self, entity_id: str) -> bool:
        """Return whether there is such an entity now.

        Home Assistant exposes names of no entity by their domains, and keeps that. In BigQuery
        there are such names: pseudonyms, and those of before an entity was renamed or removed.
        """
        registered = er.async_get(self._hass).async_is_registered(entity_id)
        return registered or self._hass.states.get(entity_id) is not None

    @callback
    def async_find(self, name: str, area: str | None) -> str:
        """Return the entity that has a name, an alias or an id. Raises EntityError."""
        if not name.strip():
            raise EntityError(NOT_FOUND)
        constraints = intent.MatchTargetsConstraints(
            name=name, area_name=area, assistant=self._assistant, allow_duplicate_names=True
        )
        matching = intent.async_match_targets(self._hass, constraints).states
        found = [state.entity_id for state in matching if self.async_has(state.entity_id)]
        if not found:
            raise EntityError(NOT_FOUND)
        if len(found) > 1:
            raise EntityError(AMBIGUOUS)
        return found[0]

    @callback
    def async_only(self, entity_ids: Iterable[str]) -> set[str]:
        """Return those of some entities that may be asked about."""
        return {entity_id for entity_id in set(entity_ids) if self.async_has(entity_id)}
