"""Single requests and their answers, where the deliveries would hide what was answered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import io
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.api_core.gapic_v1.routing_header import to_grpc_metadata
from google.cloud.bigquery_storage_v1.types import (
    AppendRowsRequest,
    AppendRowsResponse,
    BatchCommitWriteStreamsRequest,
    ProtoRows,
    ProtoSchema,
    StorageError,
)
from google.resumable_media import InvalidResponse
from google.resumable_media.requests import ResumableUpload
import grpc
from grpc_status.rpc_status import from_call

from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA

from .site import Site

_TIMEOUT = 120.0
_StorageErrorCode = StorageError.StorageErrorCode


@dataclass(frozen=True, slots=True)
class Append:
    """A request to append rows."""

    rows: Sequence[bytes]
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request: a status of gRPC, and the Storage Write API's own code if any."""

    code: str
    reason: str
    message: str
    ended: bool
    """Whether it ended the call, and was not an answer among others."""

    @property
    def place(self) -> str:
        """Say where the status stood."""
        return "at the end of the call" if self.ended else "in an answer"


def append(site: Site, stream: str, *appends: Append) -> list[Answer]:
    """Send requests over one connection and return what came of each that was answered."""
    answers: list[Answer] = []
    try:
        responses = site.connection.storage.append_rows(
            iter(list(_requests(site, stream, appends))),
            metadata=(to_grpc_metadata((("write_stream", stream),)),),
            retry=None,
            timeout=_TIMEOUT,
        )
        answers.extend(map(_answer, responses))
    except GoogleAPICallError as err:
        answers.append(_ended(err))
    return answers


def commit(site: Site, *streams: str) -> list[str]:
    """Commit streams of the table and return the codes of the answer's stream_errors."""
    table = site.table
    response = site.connection.storage.batch_commit_write_streams(
        BatchCommitWriteStreamsRequest(
            parent=f"projects/{table.project}/datasets/{table.dataset_id}/tables/{table.table_id}",
            write_streams=list(streams),
        ),
        timeout=_TIMEOUT,
    )
    if bool(response.commit_time) == bool(response.stream_errors):
        return [f"commit_time {response.commit_time}", f"errors {response.stream_errors}"]
    return [error.code.name for error in response.stream_errors]


def begin_load(site: Site, job_id: str, content: bytes) -> tuple[str, int]:
    """Begin a load job with one file; return at which step an answer was final, and its status."""
    upload = ResumableUpload(
        f"{site.destination.api_endpoint}/upload/bigquery/v2/projects/"
        f"{site.destination.project}/jobs?uploadType=resumable",
        1024 * 1024,
    )
    load = {
        "destinationTable": site.table.to_api_repr(),
        "sourceFormat": "NEWLINE_DELIMITED_JSON",
        "writeDisposition": "WRITE_APPEND",
        "createDisposition": "CREATE_NEVER",
    }
    reference = {
        "projectId": site.destination.project,
        "jobId": job_id,
        "location": site.destination.location,
    }
    resource: dict[str, Any] = {"jobReference": reference, "configuration": {"load": load}}
    step = "beginning"
    try:
        upload.initiate(
            site.connection.http,
            io.BytesIO(content),
            resource,
            "application/octet-stream",
            total_bytes=len(content),
            timeout=_TIMEOUT,
        )
        step = "end"
        while not upload.finished:
            upload.transmit_next_chunk(site.connection.http, timeout=_TIMEOUT)
    except InvalidResponse as err:
        return step, int(err.response.status_code)
    return step, 200


def _requests(site: Site, stream: str, appends: Sequence[Append]) -> Iterator[AppendRowsRequest]:
    for number, one in enumerate(appends):
        data = AppendRowsRequest.ProtoData(rows=ProtoRows(serialized_rows=one.rows))
        if number == 0:
            descriptor = site.storage_write.encoding(SENSOR_DATA).descriptor
            data.writer_schema = ProtoSchema(proto_descriptor=descriptor)
        yield AppendRowsRequest(write_stream=stream, proto_rows=data, offset=one.offset)


def _answer(response: AppendRowsResponse) -> Answer:
    status = response.error
    code = grpc.StatusCode.OK
    if status.code:
        code = next(known for known in grpc.StatusCode if known.value[0] == status.code)
    return Answer(code.name, _reason(status.details), status.message, ended=False)


def _ended(err: GoogleAPICallError) -> Answer:
    calls = [call for call in err.errors if isinstance(call, grpc.Call)]
    status: Any = from_call(calls[0]) if calls else None
    reason = _reason(status.details) if status else ""
    code = err.grpc_status_code.name if err.grpc_status_code else type(err).__name__
    return Answer(code, reason, " ".join(str(err.message).split()), ended=True)


def _reason(details: Sequence[Any]) -> str:
    """Return the name of the StorageError among the details of a status."""
    for detail in details:
        if detail.Unpack(error := StorageError.pb()()):
            return str(_StorageErrorCode(error.code).name)
    return ""
