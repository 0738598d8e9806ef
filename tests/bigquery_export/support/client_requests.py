"""What Google's client for the REST API asks."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from custom_components.bigquery_export.bigquery.connection import Connection


def client_requests(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, str]]:
    """Return the list that all requests of the client come into: method and last part of path."""
    made: list[tuple[str, str]] = []
    request = connection.http.request

    def follow(method: str, url: str, *args: Any, **more: Any) -> Any:
        made.append((method, urlsplit(url).path.rpartition("/")[2]))
        return request(method, url, *args, **more)

    monkeypatch.setattr(connection.http, "request", follow)
    return made
