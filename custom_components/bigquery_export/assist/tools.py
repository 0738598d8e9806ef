"""The tools that language models are offered, and the API that has them all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields
from typing import Any, override

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import llm
import probatio

from ..bigquery.select_query import Statement
from ..const import DOMAIN, NAME
from ..errors import ExportError
from ..query.queries import Asker
from ..query.query_request import QueryAnswer, QueryRequest
from ..query.refusals import AdministratorsOnlyError
from ..scheduler.runtime_data import BigQueryExportConfigEntry
from ..settings.options import options_from
from ..translation import async_reason
from .entities import EntityError, ExposedEntities
from .tool_answers import (
    COMPARE,
    ENERGY,
    HISTORY,
    LAST_TIME,
    UNUSUAL,
    WHY,
    Asked,
    TimeError,
    async_compare,
    async_energy,
    async_history,
    async_last_time,
    async_unusual,
    async_why,
)

type Answering = Callable[[Asked, Any], Awaitable[dict[str, Any]]]
PROMPT = (
    "For the past use the tools that begin with bigquery_export: they know years. Ask once, for the"
    " whole time, and not hour by hour."
)
_QUERY_ROWS = 200


@dataclass(frozen=True, slots=True)
class Question:
    """A question that a tool asks: what a model is told of it, and what answers it."""

    name: str
    title: str
    description: str
    parameters: probatio.Schema
    answer: Answering


QUESTIONS = (
    Question(
        "get_history",
        "Get history",
        "What an entity was in the past, also years ago: mean, minimum, maximum or consumption by"
        " period, or its states",
        HISTORY,
        async_history,
    ),
    Question(
        "compare_periods",
        "Compare periods",
        "What a sensor was in two periods, such as this and last January, and the difference",
        COMPARE,
        async_compare,
    ),
    Question(
        "last_time",
        "Last time",
        "When an entity was last in a state, such as a window open",
        LAST_TIME,
        async_last_time,
    ),
    Question(
        "find_unusual",
        "Find unusual hours",
        "Which sensors had values that are unusual for the hour of the week",
        UNUSUAL,
        async_unusual,
    ),
    Question(
        "get_energy",
        "Get energy and cost",
        "How much electricity, gas and water the meters have counted, and what it has cost",
        ENERGY,
        async_energy,
    ),
    Question(
        "why",
        "Why",
        "Who or what led to the state of an entity: person, trigger, automation, scripts",
        WHY,
        async_why,
    ),
)
_READS = llm.ToolAnnotations(read_only=True, destructive=False, idempotent=True, open_world=True)


class _Closed:
    """Answers no queries: the user may only be told what the recorder has."""

    def __init__(self, asker: Asker) -> None:
        """Refuse in place of another one."""
        self.async_privacy = asker.async_privacy

    async def async_ask(self, _: QueryRequest) -> QueryAnswer:
        """Raise AdministratorsOnlyError."""
        raise AdministratorsOnlyError


class QuestionTool(llm.Tool):
    """A tool that answers one question over exposed entities."""

    annotations = _READS
    integration = DOMAIN

    def __init__(self, entry: BigQueryExportConfigEntry, question: Question) -> None:
        """Answer from the export of a config entry."""
        self._entry = entry
        self._answer = question.answer
        self.name = f"{DOMAIN}__{question.name}"
        self.title = question.title
        self.description = question.description
        self.parameters = question.parameters

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> llm.ToolResult:
        """Answer, or say in a sentence why not."""
        queries = self._entry.runtime_data.runner.queries
        options = options_from(self._entry.options)
        exposed = ExposedEntities(
            hass, llm_context.assistant, options, await queries.async_privacy()
        )
        user_id = llm_context.context.user_id if llm_context.context else None
        may_query = options.queries.all_users or await _async_is_admin(hass, llm_context)
        asker: Asker = queries if may_query else _Closed(queries)
        asked = Asked(hass, asker, exposed, user_id)
        try:
            data = await self._answer(asked, self.parameters(tool_input.tool_args))
        except probatio.Invalid as err:
            return _error(f"These arguments cannot be used: {err}")
        except (EntityError, TimeError) as err:
            return _error(str(err))
        except ExportError as err:
            return _error(async_reason(hass, err))
        return llm.ToolResult(data=data)


class QueryTool(llm.Tool):
    """A tool that asks BigQuery by SQL, for administrators."""

    name = f"{DOMAIN}__query"
    title = "Query"
    description = (
        "Run one SELECT in GoogleSQL on the home's history in BigQuery. Tables are sensor_data"
        " (partitioned by last_changed), statistics (by start), events (by time_fired) and others."
        " Always filter by time"
    )
    parameters = probatio.Schema(
        {probatio.Required("query", description="One SELECT; filter by time"): str}
    )
    annotations = _READS
    integration = DOMAIN

    def __init__(self, entry: BigQueryExportConfigEntry) -> None:
        """Ask for the export of a config entry."""
        self._entry = entry

    @override
    async def async_call(
        self, hass: HomeAssistant, tool_input: llm.ToolInput, llm_context: llm.LLMContext
    ) -> llm.ToolResult:
        """Return the rows, or say in a sentence why not."""
        try:
            if not await _async_is_admin(hass, llm_context):
                raise AdministratorsOnlyError
            data = self.parameters(tool_input.tool_args)
            user_id = llm_context.context.user_id if llm_context.context else None
            request = QueryRequest(Statement(data["query"]), _QUERY_ROWS, user_id=user_id)
            answer = (await self._entry.runtime_data.runner.queries.async_ask(request)).answer
        except probatio.Invalid as err:
            return _error(f"These arguments cannot be used: {err}")
        except ExportError as err:
            return _error(async_reason(hass, err))
        rows: Any = answer.rows
        return llm.ToolResult(data={"rows": rows, "truncated": answer.is_truncated})


class HistoryAPI(llm.API):
    """All tools, with free SQL: for administrators. MCP clients find it by its id."""

    def __init__(self, hass: HomeAssistant, entry: BigQueryExportConfigEntry, api_id: str) -> None:
        """Offer the export of a config entry."""
        # Home Assistant 2026.11 asks for administrators itself.
        known = {field.name for field in fields(llm.API)}
        more = {"requires_admin": True} if "requires_admin" in known else {}
        super().__init__(hass=hass, id=api_id, name=entry.title or NAME, **more)
        self._entry = entry

    @override
    async def async_get_api_instance(self, llm_context: llm.LLMContext) -> llm.APIInstance:
        """Return the tools. Raises Unauthorized for users who are no administrators."""
        if not await _async_is_admin(self.hass, llm_context):
            raise Unauthorized(context=llm_context.context)
        tools: list[llm.Tool] = [QuestionTool(self._entry, question) for question in QUESTIONS]
        return llm.APIInstance(self, PROMPT, llm_context, [*tools, QueryTool(self._entry)])


@callback
def async_register_api(hass: HomeAssistant, entry: BigQueryExportConfigEntry) -> CALLBACK_TYPE:
    """Offer the API of an export; return what withdraws it. The first one has the domain's id."""
    try:
        return llm.async_register_api(hass, HistoryAPI(hass, entry, DOMAIN))
    except HomeAssistantError:
        return llm.async_register_api(hass, HistoryAPI(hass, entry, f"{DOMAIN}_{entry.entry_id}"))


async def _async_is_admin(hass: HomeAssistant, llm_context: llm.LLMContext) -> bool:
    """Return whether an administrator asks: what has no user, such as a speaker, does not."""
    user_id = llm_context.context.user_id if llm_context.context else None
    user = await hass.auth.async_get_user(user_id) if user_id else None
    return user is not None and user.is_admin


def _error(sentence: str) -> llm.ToolResult:
    return llm.ToolResult(data={"error": sentence}, error=True)
