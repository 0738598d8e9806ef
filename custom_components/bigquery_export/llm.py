"""Tools of BigQuery Export for Assist."""

from homeassistant.components.llm import LLMTools
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.llm import LLM_API_ASSIST, LLMContext

from .assist.tools import PROMPT, QUESTIONS, QuestionTool
from .const import DOMAIN


@callback
def async_get_tools(hass: HomeAssistant, llm_context: LLMContext, api_id: str) -> LLMTools | None:
    """Return the tools of the first export that may be asked, for Assist."""
    if api_id != LLM_API_ASSIST:
        return None
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.state is ConfigEntryState.LOADED and entry.runtime_data.runner.queries.is_on:
            return LLMTools([QuestionTool(entry, question) for question in QUESTIONS], PROMPT)
    return None
