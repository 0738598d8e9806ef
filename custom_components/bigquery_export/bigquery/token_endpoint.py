"""The token endpoint: asking it for a token, and whose fault it is when there is none.

Only Google's own words about a key mean that another key is needed (RFC 6749, section 5.2, and
Google's page "Using OAuth 2.0 to Access Google APIs", "Errors"). Whatever else is answered may pass
by itself, and most often comes from something between here and Google.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import re
from typing import Any, override

from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.auth.transport import Response
from google.auth.transport.requests import Request
from requests.exceptions import RequestException

from ..errors import ClockError, ExportError, InterceptedError, KeyRefusedError, UnreachableError
from .answers import ForeignAnswerError, described, json_object
from .errors import asked_to_wait, missing_answer, one_line

_KEY_REFUSED = frozenset(
    ("invalid_grant", "invalid_client", "unauthorized_client", "disabled_client", "deleted_client")
)
_CLOCK = re.compile(r"\b(iat|exp|nbf)\b|short-lived|time ?frame|too early|clock", re.IGNORECASE)
"""What Google says of an assertion from another time, as `invalid_grant`."""
_PASSING = frozenset(("internal_failure", "server_error", "temporarily_unavailable"))
_TOKEN = re.compile(r"[\x21-\x7e]+")
"""What can be sent in a header (RFC 6750, section 2.1)."""
_UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What Google's library raises of an answer that is not what it takes for granted."""
_TIMEOUT = 30.0


class TokenRequest(Request):
    """Requests of one refresh, which remember the last answer.

    A redirect is not followed: what is sent is as good as the key for an hour.
    """

    def __init__(self) -> None:
        """Prepare; nothing is sent yet."""
        super().__init__()
        self.answer: Response | None = None
        self.endpoint = ""
        """Whom the last request was sent to."""

    @override
    def __call__(self, url: str, *args: Any, **options: Any) -> Response:
        """Send a request, and wait for the answer."""
        self.answer, self.endpoint = None, url
        options = {**options, "timeout": _TIMEOUT, "allow_redirects": False}
        try:
            answer: Response = super().__call__(url, *args, **options)  # type: ignore[no-untyped-call]
        except ValueError as err:
            raise ForeignAnswerError("a redirect to no address") from err
        self.answer = answer
        return answer


@contextmanager
def token_errors(request: TokenRequest, credentials: Credentials) -> Iterator[None]:
    """Raise an ExportError unless the credentials have a usable token afterwards."""
    try:
        yield
    except (GoogleAuthError, RequestException) as err:
        if request.answer is None:
            raise missing_answer(err, request.endpoint) from err
        raise _fault(request.answer, request.endpoint) from err
    except _UNFORESEEN as err:
        if request.answer is None:
            raise
        raise _fault(request.answer, request.endpoint) from err
    if request.answer and not _is_token(credentials.token):
        credentials.token = None
        raise _fault(request.answer, request.endpoint)


def _is_token(token: object) -> bool:
    return isinstance(token, str) and _TOKEN.fullmatch(token) is not None


def _fault(answer: Response, endpoint: str) -> ExportError:
    """Return what is wrong with an answer that has no token."""
    content = answer.data if isinstance(answer.data, bytes) else str(answer.data).encode()
    said = json_object(content)
    error, description = said.get("error"), said.get("error_description")
    is_refusal = 400 <= answer.status < 500
    wait = asked_to_wait(answer.headers)
    if isinstance(error, str) and (is_refusal or error in _PASSING):
        message = one_line(f"{error}: {description}" if isinstance(description, str) else error)
        if error in _PASSING:
            return UnreachableError(endpoint=endpoint, message=message, retry_after=wait)
        if error == "invalid_grant" and _CLOCK.search(message):
            return ClockError(message=message)
        if error in _KEY_REFUSED:
            return KeyRefusedError(message=message)
    location = answer.headers.get("Location") if 300 <= answer.status < 400 else None
    message = described(answer.status, content, location)
    return InterceptedError(endpoint=endpoint, message=message, retry_after=wait)
