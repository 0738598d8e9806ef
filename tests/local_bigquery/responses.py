"""HTTP responses: JSON, errors as BigQuery words them, and answers that do not arrive whole."""

from collections.abc import Awaitable, Callable

from aiohttp import web
import orjson

from .calls import AnswerDamagedError, AnswerLostError, Call, Damage, ForeignAnswerError, Gate
from .errors import ApiError
from .schema import Json

type ErrorBody = Callable[[ApiError], Json]


def json_response(body: Json | None, status: int = 200) -> web.Response:
    """Return a response with a JSON body, or without a body for None."""
    if body is None:
        return web.Response(status=204)
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", charset="UTF-8"
    )


def error_response(error: ApiError, body: ErrorBody = ApiError.body) -> web.Response:
    """Return the response for a refused call; the token endpoint has a body of its own."""
    response = json_response(body(error), error.http_status)
    if error.http_status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="https://accounts.google.com/"'
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response


async def response_of(
    gate: Gate,
    call: Call,
    request: web.Request,
    answer: Callable[[], Awaitable[web.Response]],
    error_body: ErrorBody = ApiError.body,
) -> web.StreamResponse:
    """Let a call through the gate and return what its client gets."""
    try:
        return await gate.run(call, answer)
    except ApiError as error:
        return error_response(error, error_body)
    except AnswerLostError:
        _close(request)
        return web.Response()
    except ForeignAnswerError as error:
        return _foreign(error)
    except AnswerDamagedError as error:
        response: web.Response = error.answer
        return await _DAMAGES[error.damage](request, response)


def _foreign(error: ForeignAnswerError) -> web.Response:
    """Return an answer as it was asked for, with nothing of BigQuery's."""
    headers = {"Content-Type": error.content_type} if error.content_type else {}
    if error.location:
        headers["Location"] = error.location
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return web.Response(status=error.status, body=error.content.encode(), headers=headers)


async def _cut(request: web.Request, whole: web.Response) -> web.StreamResponse:
    """Send half of the body that the headers announce, and close the connection."""
    content = _content(whole)
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(content)
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def _corrupt(_: web.Request, whole: web.Response) -> web.StreamResponse:
    """Return a complete response whose body ends too early for its JSON."""
    content = _content(whole)
    whole.body = content[: len(content) // 2]
    return whole


_DAMAGES = {Damage.CUT: _cut, Damage.CORRUPT: _corrupt}


def _content(response: web.Response) -> bytes:
    return response.body if isinstance(response.body, bytes) else b""


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()
