"""Rows in a local InfluxDB of each version: what is written, what is refused, and what is told."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
import ssl
import subprocess
from threading import Event, Thread
from typing import Any

import pytest
from urllib3.util import Timeout

from custom_components.bigquery_export.copies.influxdb import influxdb_server, point_transaction
from custom_components.bigquery_export.copies.influxdb.influxdb_database import (
    CHECK,
    InfluxdbDatabase,
)
from custom_components.bigquery_export.copies.influxdb.influxdb_errors import (
    InfluxdbAccessError,
    InfluxdbNotFoundError,
    InfluxdbRefusedError,
    InfluxdbTlsError,
    InfluxdbUnreachableError,
    InfluxdbVersionError,
)
from custom_components.bigquery_export.copies.influxdb.influxdb_settings import InfluxdbSettings
from custom_components.bigquery_export.errors import ExportError, StoppedError
from custom_components.bigquery_export.export.delivery import Outcome
from custom_components.bigquery_export.export.log_transaction import write_log
from custom_components.bigquery_export.rows.export_log import EXPORT_LOG
from custom_components.bigquery_export.rows.sensor_data import SENSOR_DATA
from custom_components.bigquery_export.rows.statistics import STATISTICS
from custom_components.bigquery_export.rows.table import Table
from tests.bigquery_export.support.influxdb_copies import states_of
from tests.local_influxdb.server import Answer, LocalInfluxdb, serve

MOMENT = 1_790_000_000_123_456
HOUR = 3_600_000_000
LOG = {"export_id": "e", "source": "home", "table_name": "sensor_data", "finished": MOMENT}
LAST = 9_223_372_036_854_775


@pytest.fixture(params=[1, 2, 3])
def influxdb(request: pytest.FixtureRequest, socket_enabled: None) -> Iterator[LocalInfluxdb]:
    """Return an empty InfluxDB of each version."""
    local = LocalInfluxdb(request.param, username="exporter" if request.param == 1 else "")
    with serve(local):
        yield local


@pytest.fixture
def place(influxdb: LocalInfluxdb) -> Iterator[InfluxdbDatabase]:
    """Return it as a destination."""
    destination = place_of(influxdb)
    yield destination
    destination.close()


def place_of(influxdb: LocalInfluxdb, **changes: Any) -> InfluxdbDatabase:
    """Return a destination."""
    return InfluxdbDatabase(InfluxdbSettings.of({**influxdb.data, **changes}))


def state(number: int, **changes: Any) -> dict[str, Any]:
    """Return the values of a state."""
    return {
        "entity_id": "sensor.a",
        "state": str(number),
        "last_changed": MOMENT + number,
        "last_updated": MOMENT + number,
        "source": "home",
        "state_id": number,
        "export_id": "e",
        **changes,
    }


def encoded(place: InfluxdbDatabase, table: Table, rows: Sequence[dict[str, Any]]) -> list[bytes]:
    """Return rows as the delivery takes them."""
    encoding = place.delivery.encoding(table)
    return [encoding.row(encoding.fragment(values)) for values in rows]


def send(place: InfluxdbDatabase, *rows: dict[str, Any], table: Table = SENSOR_DATA) -> list[str]:
    """Send rows in one transaction; return why some were rejected."""
    transaction = place.delivery.begin(table, "one")
    rejected = transaction.append(encoded(place, table, rows))
    transaction.finish()
    assert transaction.commit() == []
    transaction.close()
    return [one.reason for one in rejected]


def test_rows(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """Rows are there when they are appended, and stay the same when they are sent again."""
    rows = [state(n, state_numeric=float(n)) for n in range(5)]
    for _ in range(2):
        assert send(place, *rows) == []
        assert states_of(influxdb) == ["0", "1", "2", "3", "4"]
    assert influxdb.storage.writes == 10
    assert influxdb.rows("sensor_data")[3] == {
        "domain": "sensor",
        "entity_id": "sensor.a",
        "source": "home",
        "time": MOMENT + 3,
        "last_changed": MOMENT + 3,
        "state": "3",
        "state_numeric": 3.0,
        "state_id": 3,
        "export_id": "e",
    }


def test_log(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """The row of the log comes with the commit, and is the same one when it is written again."""
    for _ in range(2):
        log = write_log(place.delivery, LOG)
        before = influxdb.storage.writes
        assert log.commit() == []
        assert influxdb.storage.writes == before + 1
    (logged,) = influxdb.rows("export_log")
    assert (logged["table_name"], logged["time"]) == ("sensor_data", MOMENT)


def test_settle(place: InfluxdbDatabase) -> None:
    """Of what is in doubt the rows are there, and the log has to be written again."""
    assert place.delivery.settle(SENSOR_DATA, "one") is Outcome.COMMITTED
    assert place.delivery.settle(EXPORT_LOG, "one") is Outcome.NOT_COMMITTED
    assert place.fence("home") is None
    assert list(place.existing_rows("home").rows(SENSOR_DATA, 1)) == []
    assert place.existing_rows("home").seconds_until_known(SENSOR_DATA, 1) == 0


@pytest.mark.parametrize("bad", [[2], [0, 1, 2], [0, 4, 7], [7], range(7)], ids=str)
def test_rejected_rows(
    influxdb: LocalInfluxdb, place: InfluxdbDatabase, bad: Sequence[int]
) -> None:
    """Rows that do not fit are left out and named, and stop no other."""
    influxdb.storage.types["sensor_data", "model"] = int
    rows = [state(n, model="x" if n in bad else None) for n in range(8)]
    reasons = send(place, *rows)
    assert len(reasons) == len(bad)
    assert all("field type conflict" in reason for reason in reasons)
    assert states_of(influxdb) == [str(n) for n in range(8) if n not in bad]


def test_named_rows(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """Where a server names the lines that it does not take, all others are sent again."""
    named = [{"line_number": 2, "error_message": "odd", "original_line": "m a=1 1"}]
    influxdb.answers = [Answer(400, {"error": "partial write", "data": named})]
    assert send(place, state(1), state(2), state(3)) == ["odd"]
    assert states_of(influxdb) == ["1", "3"]


def test_unreadable_rows(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """A time that InfluxDB cannot have is a reason, in which no value of the row is."""
    late = state(3, last_updated=LAST + 1, friendly_name="Annas's lamp")
    (reason,) = send(place, state(1), late, state(2, last_updated=LAST))
    assert "time outside range" in reason
    assert "Annas" not in reason
    assert states_of(influxdb) == ["1", "2"]


def test_too_old(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """Rows that the database does not keep are told, all at once where all are too old."""
    influxdb.storage.retention = 86_400.0
    old = [state(n, last_updated=1) for n in range(100)]
    influxdb.requests.clear()
    reasons = send(place, *old)
    assert len(reasons) == 100
    assert "beyond retention policy" in reasons[0]
    assert len(influxdb.requests) == 1


def test_nothing_fits(
    influxdb: LocalInfluxdb, place: InfluxdbDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one row after another is rejected, and none is taken, the table fails."""
    answers = [Answer(400, {"error": "no", "message": "no"})] * 300
    influxdb.answers = answers
    with pytest.raises(InfluxdbRefusedError, match="no"):
        send(place, *(state(n) for n in range(100)))
    assert len(answers) > 150
    influxdb.answers = []
    assert send(place, state(1)) == []


def test_large_requests(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """What is too much for the server is sent in parts; a row that alone is so is rejected."""
    influxdb.largest = 600
    rows = [state(n, unique_id=f"{n * 7919**9}") for n in range(64)]
    assert send(place, *rows) == []
    assert len(states_of(influxdb)) == 64
    sizes = [status for _, status in influxdb.requests]
    assert sizes.count(413) > 1
    noise = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(2_000))
    assert len(send(place, state(64), state(65, unique_id=noise), state(66))) == 1
    assert len(states_of(influxdb)) == 66


def test_parts(
    influxdb: LocalInfluxdb, place: InfluxdbDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request has more lines than InfluxDB advises."""
    monkeypatch.setattr(point_transaction, "_LINES", 10)
    assert send(place, *(state(n) for n in range(35))) == []
    assert len(influxdb.requests) == 4
    monkeypatch.setattr(point_transaction, "_BYTES", 500)
    assert send(place, *(state(n) for n in range(35))) == []
    assert len(influxdb.requests) > 12


def test_corrections(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """A correction takes the place of what was sent; what is deleted is marked, and no other."""
    start = MOMENT // HOUR * HOUR
    common = {"statistic_id": "sensor.a", "source": "home", "export_id": "e"}

    def hour(number: int, total: float) -> dict[str, Any]:
        times = {"start": start + number * HOUR, "end": start + (number + 1) * HOUR}
        return {**common, **times, "sum": total, "deleted": False, "id": number}

    send(place, *(hour(n, 1.0) for n in range(4)), table=STATISTICS)
    gone = {**common, "start": start, "end": start + 3 * HOUR, "deleted": True}
    # A correction has the rows of now first, and then what they take the place of.
    send(place, hour(0, 5.0), hour(2, 7.0), gone, table=STATISTICS)
    found = {(row["id"], row["sum"], row["deleted"]) for row in influxdb.rows("statistics")}
    assert found == {(0, 5.0, False), (1, 1.0, True), (2, 7.0, False), (3, 1.0, False)}
    send(place, hour(1, 2.0), table=STATISTICS)
    assert all(not row["deleted"] for row in influxdb.rows("statistics"))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_busy(influxdb: LocalInfluxdb, place: InfluxdbDatabase, status: int) -> None:
    """What passes is tried again, when the server says."""
    influxdb.answers = [Answer(status, {"error": "busy"}, {"Retry-After": "7"}), Answer(status)]
    with pytest.raises(InfluxdbUnreachableError, match="busy") as told:
        send(place, state(1))
    assert told.value.retry_after == 7
    with pytest.raises(InfluxdbUnreachableError, match=str(status)) as told:
        send(place, state(1))
    assert told.value.retry_after is None


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, InfluxdbAccessError),
        (403, InfluxdbAccessError),
        (404, InfluxdbNotFoundError),
        (302, InfluxdbRefusedError),
        (405, InfluxdbRefusedError),
        (200, None),
    ],
)
def test_answers(
    influxdb: LocalInfluxdb,
    place: InfluxdbDatabase,
    status: int,
    error: type[ExportError] | None,
) -> None:
    """Each status has its error, and none is followed elsewhere."""
    influxdb.answers = [Answer(status, {"error": "why"}, {"Location": influxdb.url + "/other"})]
    if error is None:
        assert send(place, state(1)) == []
        return
    with pytest.raises(error, match="why"):
        send(place, state(1))
    assert len(influxdb.requests) == 1


@pytest.mark.parametrize(
    ("prepare", "changes", "error"),
    [
        (lambda _: None, {"token": "wr0ng"}, InfluxdbAccessError),
        (lambda _: None, {"token": ""}, InfluxdbAccessError),
        (lambda _: None, {"database": "nothing"}, InfluxdbNotFoundError),
        (lambda local: setattr(local, "may_write", False), {}, InfluxdbAccessError),
        (lambda _: None, {"url": "http://127.0.0.1:1"}, InfluxdbUnreachableError),
        (lambda local: local.answers.append(Answer(400)), {}, InfluxdbRefusedError),
    ],
)
def test_ensure(
    influxdb: LocalInfluxdb,
    prepare: Callable[[LocalInfluxdb], None],
    changes: dict[str, Any],
    error: type[ExportError],
) -> None:
    """What is wrong is told before a row is sent, and no secret is in it."""
    prepare(influxdb)
    place = place_of(influxdb, **changes)
    with pytest.raises(error) as told:
        place.ensure([SENSOR_DATA], "home")
    text = f"{told.value!s}{told.value!r}{InfluxdbSettings.of({**influxdb.data, **changes})!r}"
    assert not {"s3same", "wr0ng"} & {word for word in ("s3same", "wr0ng") if word in text}
    assert not influxdb.storage.points


@pytest.mark.parametrize("secret", ["s3same\nwr0ng", "s3same\u201cwr0ng", "s3same\u00a0wr0ng"])
def test_odd_secret(influxdb: LocalInfluxdb, secret: str) -> None:
    """A token that no header can have is told by no part of it; a password may have anything."""
    influxdb.secret = secret
    place = place_of(influxdb)
    if influxdb.version == 1:
        place.ensure([], "home")
        assert influxdb.rows(CHECK)
        return
    with pytest.raises(InfluxdbAccessError, match="the token has a line break") as told:
        place.ensure([], "home")
    assert not [part for part in ("s3same", "wr0ng") if part in str(told.value)]
    assert influxdb.requests == []


def test_request_cannot_be_sent(influxdb: LocalInfluxdb) -> None:
    """What is raised before a request is sent may quote its headers, and is not shown."""
    place = place_of(influxdb, version="1", username="exporter", token="\udc80")  # noqa: S106
    with pytest.raises(InfluxdbUnreachableError) as told:
        place.ensure([], "home")
    assert told.value.message == "the request cannot be sent"


def test_check(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """What makes sure of the right to write is one point an hour, which is kept anywhere."""
    for _ in range(3):
        place.ensure([SENSOR_DATA], "home")
    influxdb.storage.retention = HOUR / 1e6
    place.ensure([], "home")
    points = influxdb.rows(CHECK)
    assert len(points) <= 2  # The hour may have ended.
    assert {(point["source"], point["time"] % HOUR) for point in points} == {("home", 0)}


@pytest.mark.parametrize("selected", ["1", "2", "3"])
def test_other_version(influxdb: LocalInfluxdb, selected: str) -> None:
    """Another version than the server's is named, where the server says which it is."""
    data = {**influxdb.data, "version": selected, "organization": "family", "username": ""}
    if selected == str(influxdb.version):
        data["username"] = influxdb.username
    place = InfluxdbDatabase(InfluxdbSettings.of(data))
    if selected == str(influxdb.version):
        place.ensure([], "home")
    elif (influxdb.version, selected) == (3, "1"):
        with pytest.raises(ExportError):  # Version 3 says nothing to those who have no token.
            place.ensure([], "home")
    elif {influxdb.version, int(selected)} == {2, 3}:
        with pytest.raises(InfluxdbVersionError) as told:
            place.ensure([], "home")
        assert str(influxdb.version) in told.value.found
    else:
        with pytest.raises(InfluxdbVersionError):
            place.ensure([], "home")


def test_lost_connection(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """Where the answer is lost, it is said, and the rows may be sent again."""
    influxdb.lost_answers = 1
    with pytest.raises(InfluxdbUnreachableError):
        send(place, state(1), state(2))
    send(place, state(1), state(2))
    assert states_of(influxdb) == ["1", "2"]


def test_stop(influxdb: LocalInfluxdb, place: InfluxdbDatabase) -> None:
    """What waits for an answer ends when it is told to, and nothing begins any more."""
    influxdb.hanging = Event()
    failed: list[ExportError] = []

    def wait() -> None:
        try:
            send(place, state(1))
        except ExportError as err:
            failed.append(err)

    thread = Thread(target=wait)
    thread.start()
    Event().wait(0.3)
    place.stop()
    thread.join(5)
    influxdb.hanging.set()
    assert [type(err) for err in failed] == [StoppedError]
    with pytest.raises(StoppedError):
        send(place, state(1))


def test_timeout(
    influxdb: LocalInfluxdb, place: InfluxdbDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer is not waited for without end."""
    monkeypatch.setattr(influxdb_server, "_TIMEOUT", Timeout(connect=1, read=0.2))
    influxdb.hanging = Event()
    with pytest.raises(InfluxdbUnreachableError, match="timed out"):
        send(place, state(1))
    influxdb.hanging.set()


def test_certificates(socket_enabled: None, tmp_path: Path) -> None:
    """A certificate that nobody vouches for is taken only where that was chosen."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=elsewhere", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    local = LocalInfluxdb()
    with serve(local, context):
        with pytest.raises(InfluxdbTlsError, match="certificate"):
            place_of(local).ensure([], "home")
        with pytest.raises(InfluxdbTlsError):
            place_of(local, url=local.url).ensure([], "home")
        place_of(local, verify_ssl=False).ensure([], "home")
        assert local.rows(CHECK)


@pytest.mark.parametrize(
    ("url", "valid"),
    [
        ("http://influxdb.local:8086", True),
        ("https://example.com/influxdb/", True),
        ("http://[::1]:8086", True),
        ("influxdb.local:8086", False),
        ("http://", False),
        ("http://user:pass@influxdb.local", False),
        ("http://influxdb.local?u=a&p=b", False),
        ("http://influxdb.local:port", False),
        ("http://influx db:8086", False),
        ("http://ex%zz:1", False),
        ("ftp://influxdb.local", False),
    ],
)
def test_urls(url: str, valid: bool) -> None:
    """A URL is an address and nothing else: what it has besides would be shown."""
    settings = InfluxdbSettings.of({"url": url, "database": "home"})
    assert settings.is_url_valid is valid


def test_identity() -> None:
    """Two copies are the same where server and database are, whoever writes."""
    base = {"url": "http://A.local:8086/", "database": "home", "organization": "o"}
    same = {**base, "url": "http://a.local:8086", "token": "t", "verify_ssl": False}
    of = InfluxdbSettings.of
    assert of(base).identity == of(same).identity
    for change in ({"database": "other"}, {"organization": "p"}, {"url": "http://b.local"}):
        assert of({**base, **change}).identity != of(base).identity
