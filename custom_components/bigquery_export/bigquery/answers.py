"""Answers that are not Google's: a proxy, a filter or a login page has answered in its place."""

from http import HTTPStatus
import re
from time import monotonic
from typing import Any, override
from urllib.parse import parse_qs, urlsplit

from google.auth.credentials import Credentials
from google.auth.transport.requests import AuthorizedSession
import orjson
from requests import Response
from requests.exceptions import ConnectionError as RequestsConnectionError, TooManyRedirects

from ..export.response_time import ResponseTime

_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_LONGEST = 100
"""Characters of a foreign text that are shown: too few for a token that it may repeat."""
_KIND = b'"bigquery#'
"""What each answer of the BigQuery API has (API reference, `kind`), but for those below."""
_WITHOUT_KIND = ":testIamPermissions"
_ROUTINES = re.compile(r"/routines(/|$)")
_OF_ROUTINES = frozenset({"kind", "etag", "routines", "nextPageToken"})
"""What a list of routines may have; a routine has its reference (API reference, "routines")."""


class ForeignAnswerError(RequestsConnectionError):
    """An answer is not Google's. Google's libraries try again as after a lost connection."""


class ApiSession(AuthorizedSession):
    """Requests to the BigQuery API, which raise ForeignAnswerError if something else answers.

    The API redirects to nowhere, so no redirect is followed: rows are for Google alone.
    """

    def __init__(self, credentials: Credentials) -> None:
        """Prepare requests of an account; none is sent yet."""
        super().__init__(credentials)  # type: ignore[no-untyped-call]
        self.max_redirects = 0
        self.last_response: ResponseTime | None = None
        """Google's last answer."""

    @override
    def request(self, method: str, url: str, *args: Any, **options: Any) -> Response:  # type: ignore[override]
        """Return Google's answer."""
        began = monotonic()
        try:
            response: Response | None = super().request(method, url, *args, **options)  # type: ignore[no-untyped-call]
        except TooManyRedirects as err:
            response = err.response
        except ValueError as err:
            raise ForeignAnswerError("a redirect to no address") from err
        if response is None or not _is_googles(response):
            raise ForeignAnswerError(_described(response) if response is not None else "")
        self.last_response = ResponseTime.since(began)
        return response


def _is_googles(response: Response) -> bool:
    """Return whether an answer has the form of the BigQuery API's.

    An answer is an object of a kind, or nothing; an error has a JSON object `error` (API reference,
    "Error messages"). An upload is answered by an address, and its pieces by status 308. A request
    for some fields is answered by those alone, without the kind ("Performance tips" of the API).
    """
    content = response.content
    if response.is_redirect:
        return False
    if not response.ok:
        error = json_object(content).get("error")
        return isinstance(error, dict)
    if not content:
        return response.status_code != HTTPStatus.OK or "Location" in response.headers
    if not content[:_LONGEST].lstrip().startswith(b"{"):
        return False
    url = urlsplit(response.url)
    if fields := parse_qs(url.query).get("fields"):
        return json_object(content).keys() <= set(fields[0].split(","))
    if _ROUTINES.search(url.path):
        keys = json_object(content).keys()
        return keys <= _OF_ROUTINES or "routineReference" in keys
    return _KIND in content or url.path.endswith(_WITHOUT_KIND)


def json_object(content: bytes | str) -> dict[str, Any]:
    """Return the JSON object in an answer, or an empty one where there is none."""
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _described(response: Response) -> str:
    location = response.headers["Location"] if response.is_redirect else None
    return described(response.status_code, response.content, location)


def described(status: int, content: bytes, location: str | None = None) -> str:
    """Return what a foreign answer is: its status, and its title or where it leads.

    Nothing else of it is shown, as it may repeat what was sent.
    """
    try:
        text = f"HTTP {status} {HTTPStatus(status).phrase}"
    except ValueError:
        text = f"HTTP {status}"
    if location and (host := _host(location)):
        return f"{text}, to {host}"
    if title := _TITLE.search(content):
        words = " ".join(title[1].decode(errors="replace").split())
        return f"{text}, {words[:_LONGEST]}" if words else text
    return text


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
