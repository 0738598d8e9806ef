"""Subentry flow of a copy in InfluxDB."""

from collections.abc import Mapping
from typing import Any, ClassVar, override
from urllib.parse import urlsplit

from homeassistant.const import (
    CONF_NAME,
    CONF_TOKEN,
    CONF_URL,
    CONF_USERNAME,
    CONF_VERIFY_SSL,
)
from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
import probatio

from ..copies.influxdb.influxdb_settings import (
    CONF_DATABASE,
    CONF_ORGANIZATION,
    CONF_VERSION,
    InfluxdbSettings,
    Version,
)
from .copy_flow import CopyFlow
from .field_rules import FormError

_TEXT = TextSelector()


class InfluxdbFlow(CopyFlow):
    """Asks for a database or bucket."""

    # Short, and with what a server refuses first: an error below or above what is in sight is lost.
    schema: ClassVar = probatio.Schema(
        {
            probatio.Required(CONF_NAME): _TEXT,
            probatio.Required(CONF_VERSION, default=Version.TWO.value): SelectSelector(
                SelectSelectorConfig(
                    options=[version.value for version in Version],
                    translation_key="influxdb_version",
                    mode=SelectSelectorMode.DROPDOWN,
                )
            ),
            probatio.Required(CONF_URL): TextSelector(
                TextSelectorConfig(type=TextSelectorType.URL)
            ),
            probatio.Optional(CONF_TOKEN): TextSelector(
                TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off")
            ),
            probatio.Required(CONF_DATABASE): _TEXT,
            probatio.Optional(CONF_ORGANIZATION): _TEXT,
            probatio.Optional(CONF_USERNAME): _TEXT,
            probatio.Required(CONF_VERIFY_SSL, default=True): BooleanSelector(),
        }
    )
    fields: ClassVar = {
        "influxdb_access": CONF_TOKEN,
        "influxdb_not_found": CONF_DATABASE,
        "influxdb_tls": CONF_VERIFY_SSL,
        "influxdb_unreachable": CONF_URL,
        "influxdb_version": CONF_VERSION,
    }
    place_in_use: ClassVar = (CONF_DATABASE, "database_in_use")
    secret: ClassVar = CONF_TOKEN

    @override
    def _settings(self, data: Mapping[str, Any]) -> InfluxdbSettings:
        settings = InfluxdbSettings.of(data)
        if not settings.is_url_valid:
            raise FormError({CONF_URL: "invalid_url"})
        if settings.version is Version.TWO and not settings.organization:
            raise FormError({CONF_ORGANIZATION: "organization_missing"})
        return settings

    @override
    def _default_title(self, data: Mapping[str, Any]) -> str:
        return str(urlsplit(data[CONF_URL]).hostname)
