"""Subentry flow of a copy in PostgreSQL."""

from collections.abc import Mapping
from typing import Any, ClassVar, override

from homeassistant.const import CONF_HOST, CONF_NAME, CONF_PASSWORD, CONF_PORT, CONF_USERNAME
from homeassistant.helpers.selector import TextSelector, TextSelectorConfig, TextSelectorType
import probatio

from ..copies.postgresql.postgresql_settings import (
    CONF_DATABASE,
    CONF_SCHEMA,
    CONF_TLS,
    DEFAULT_PORT,
    DEFAULT_SCHEMA,
    PostgresqlSettings,
    Tls,
)
from .copy_flow import CopyFlow
from .selectors import choice, number

_TEXT = TextSelector()


class PostgresqlFlow(CopyFlow):
    """Asks for a database, and a schema in it."""

    schema: ClassVar = probatio.Schema(
        {
            probatio.Required(CONF_NAME): _TEXT,
            probatio.Required(CONF_HOST): _TEXT,
            probatio.Required(CONF_PORT, default=DEFAULT_PORT): number(1, 65_535),
            probatio.Required(CONF_DATABASE): _TEXT,
            probatio.Required(CONF_USERNAME): _TEXT,
            probatio.Optional(CONF_PASSWORD): TextSelector(
                TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
            ),
            probatio.Required(CONF_SCHEMA, default=DEFAULT_SCHEMA): _TEXT,
            probatio.Required(CONF_TLS, default=Tls.ON.value): choice(Tls, CONF_TLS),
        }
    )
    fields: ClassVar = {
        "postgresql_access": CONF_USERNAME,
        "postgresql_mismatch": CONF_SCHEMA,
        "postgresql_permission": CONF_SCHEMA,
        "postgresql_tls": CONF_TLS,
        "postgresql_unfit": CONF_DATABASE,
        "postgresql_unreachable": CONF_HOST,
    }
    place_in_use: ClassVar = (CONF_SCHEMA, "schema_in_use")

    @override
    def _settings(self, data: Mapping[str, Any]) -> PostgresqlSettings:
        return PostgresqlSettings.of(data)

    @override
    def _default_title(self, data: Mapping[str, Any]) -> str:
        return str(data[CONF_HOST])
