"""Where a copy in InfluxDB is, as a config subentry stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from homeassistant.const import CONF_TOKEN, CONF_URL, CONF_USERNAME, CONF_VERIFY_SSL
from urllib3.util import parse_url

CONF_DATABASE = "database"
CONF_ORGANIZATION = "organization"
CONF_VERSION = "version"


class Version(StrEnum):
    """A major version of InfluxDB: each has another address to write to."""

    ONE = "1"
    TWO = "2"
    THREE = "3"


@dataclass(frozen=True, slots=True)
class InfluxdbSettings:
    """A database or bucket, and how to write to it."""

    url: str
    """With http or https; without a slash at the end."""
    version: Version
    database: str
    """The bucket of version 2."""
    organization: str
    """Of version 2."""
    username: str
    """Of version 1; empty where it asks for none."""
    secret: str = field(repr=False)
    """The token, or the password of version 1."""
    verify_ssl: bool
    product: ClassVar = "InfluxDB"
    requirements: ClassVar = ()
    """None: rows go by HTTP, with what Home Assistant has."""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Self:
        """Return what the data of a subentry, or of its form, say."""
        return cls(
            str(data[CONF_URL]).strip().rstrip("/"),
            Version(data.get(CONF_VERSION, Version.TWO)),
            str(data[CONF_DATABASE]).strip(),
            str(data.get(CONF_ORGANIZATION, "")).strip(),
            str(data.get(CONF_USERNAME, "")).strip(),
            str(data.get(CONF_TOKEN, "")).strip(),
            bool(data.get(CONF_VERIFY_SSL, True)),
        )

    @property
    def is_url_valid(self) -> bool:
        """Return whether the URL has a host and nothing that belongs in another field."""
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
            parse_url(self.url)  # Connections are made with it, and it allows less.
        except ValueError:
            return False
        only_address = not (parts.username or parts.password or parts.query or parts.fragment)
        return parts.scheme in ("http", "https") and bool(host) and only_address

    @property
    def server(self) -> str:
        """Return the server as sentences name it."""
        return urlsplit(self.url).netloc

    @property
    def identity(self) -> str:
        """Return what identifies the database: two copies must not share one."""
        organization = self.organization if self.version is Version.TWO else ""
        return f"influxdb {self.url.lower()} {organization} {self.database}"
