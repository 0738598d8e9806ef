"""Key files as people bring them: read where they can mean only one thing, else named."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
import json
from typing import Any

import pytest

from custom_components.bigquery_export.bigquery import key_file
from custom_components.bigquery_export.bigquery.credentials import read_key
from custom_components.bigquery_export.bigquery.key_file import KeyFileError
from tests.bigquery_export.support.warehouse import Warehouse

type Key = dict[str, Any]
type Change = Callable[[Key], bytes | str]
NBSP = "\u00a0"


def text(key: Key, **changes: object) -> str:
    """Return the file as Google's console downloads it, with changes."""
    return json.dumps({**key, **changes}, indent=2) + "\n"


def with_private(change: Callable[[str], str]) -> Change:
    """Return a file whose private key is changed before it is written."""
    return lambda key: text(key, private_key=change(key["private_key"]))


READ: dict[str, Change] = {
    "as it is": text,
    "one line": json.dumps,
    "UTF-8 with a BOM": lambda key: text(key).encode("utf-8-sig"),
    "UTF-16 with a BOM": lambda key: text(key).encode("utf-16"),
    "UTF-16 without a BOM": lambda key: text(key).encode("utf-16-le"),
    "UTF-16, big end first": lambda key: b"\xfe\xff" + text(key).encode("utf-16-be"),
    "UTF-32": lambda key: text(key).encode("utf-32"),
    "pasted with a BOM": lambda key: "\ufeff" + text(key),
    "CRLF": lambda key: text(key).replace("\n", "\r\n").encode(),
    "CR": lambda key: text(key).replace("\n", "\r").encode(),
    "real line breaks": lambda key: text(key).replace("\\n", "\n"),
    "real CRLF": lambda key: text(key).replace("\\n", "\r\n"),
    "escaped CRLF": with_private(lambda pem: pem.replace("\n", "\r\n")),
    "escaped twice": with_private(lambda pem: pem.replace("\n", "\\n")),
    "escaped three times": with_private(lambda pem: pem.replace("\n", "\\\\n")),
    "spaces for line breaks": with_private(lambda pem: pem.replace("\n", " ")),
    "no line breaks": with_private(lambda pem: pem.replace("\n", "")),
    "no last line break": with_private(str.strip),
    "indented": with_private(lambda pem: pem.replace("\n", "\n    ")),
    "no-break spaces": lambda key: text(key).replace(" ", NBSP),
    "no-break spaces of Windows": lambda key: text(key).replace(" ", NBSP).encode("cp1252"),
    "no-break spaces in the private key": with_private(lambda pem: pem.replace(" ", NBSP)),
    "spaces without width": lambda key: text(key).replace(",", ",\u200b"),
    "long dashes": with_private(lambda pem: pem.replace("-----", "\u2014\u2013-")),
    "curved quotes": lambda key: text(key).replace(' "', " \u201c").replace('"', "\u201d"),
    "a comma too many": lambda key: text(key).replace("\n}", ",\n}"),
    "spaces around": lambda key: f"\n\n  {text(key)}\t\n",
    "spaces in values": lambda key: text(key, client_email=f" {key['client_email']}\n"),
    "single quotes around": lambda key: f"'{text(key)}'",
    "double quotes around": lambda key: f'"{text(key)}"',
    "as a JSON text": lambda key: json.dumps(text(key)),
    "as a JSON text, twice": lambda key: json.dumps(json.dumps(text(key))),
    "escaped quotes": lambda key: json.dumps(text(key))[1:-1],
    "escaped quotes of a variable": lambda key: f"KEY={json.dumps(json.dumps(key))[1:-1]}",
    "a dictionary of Python": repr,
    "signs that cannot be seen": lambda key: text(key).replace('"', '\u200e"\u00ad'),
    "invisible signs in the private key": with_private(lambda pem: pem.replace("A", "\u2060A")),
    "zeros at the end": lambda key: text(key).encode() + bytes(512),
    "a line after it": lambda key: text(key) + ";\nuser@machine:~$ \x1a",
    "fields that are no texts": lambda key: text(key, a=None, b=10**400, c={"d": 1}, e=1e999),
    "half a character in another field": lambda key: text(key, later="\ud800"),
    "a code fence": lambda key: f"```json\n{text(key)}```",
    "a line of a shell": lambda key: f"export KEY='{json.dumps(key)}';",
    "base64": lambda key: b64encode(text(key).encode()).decode(),
    "base64 in lines": lambda key: "\n".join(
        b64encode(text(key).encode()).decode()[at : at + 76] for at in range(0, 4_000, 76)
    ),
    "base64 of URLs": lambda key: urlsafe_b64encode(text(key).encode("utf-16")),
    "an answer of the IAM API": lambda key: json.dumps(
        {"name": "projects/p", "privateKeyData": b64encode(text(key).encode()).decode()}
    ),
}


@pytest.mark.parametrize("change", READ.values(), ids=READ)
def test_read(warehouse: Warehouse, change: Change) -> None:
    """What can mean only one thing is read as what it was."""
    key = warehouse.create_key()
    assert read_key(change(key)) == key


OTHERS: dict[str, tuple[Change, type[KeyFileError]]] = {
    "nothing": (lambda key: "", key_file.NotJsonError),
    "spaces": (lambda key: f" {NBSP}\n", key_file.NotJsonError),
    "a page": (lambda key: "<html><body>{}</body></html>", key_file.NotAServiceAccountKeyError),
    "cut off": (lambda key: text(key)[:-20], key_file.NotJsonError),
    "cut off in front": (lambda key: text(key)[5:], key_file.NotJsonError),
    "two keys": (lambda key: text(key) * 2, key_file.NotJsonError),
    "deep": (lambda key: '{"a":' * 100_000 + "}" * 100_000, key_file.NotJsonError),
    "a list": (lambda key: f"[{text(key)}]", key_file.NotJsonError),
    "an OAuth client": (
        lambda key: json.dumps({"installed": {"client_id": "1", "client_secret": "s"}}),
        key_file.OAuthClientError,
    ),
    "an OAuth client of a page": (
        lambda key: json.dumps({"web": {"client_id": "1", "client_secret": "s"}}),
        key_file.OAuthClientError,
    ),
    "a user": (
        lambda key: json.dumps({"type": "authorized_user", "refresh_token": "r"}),
        key_file.UserCredentialsError,
    ),
    "a workload": (
        lambda key: json.dumps({"type": "external_account", "audience": "a"}),
        key_file.NotAServiceAccountKeyError,
    ),
    "the description of an account": (
        lambda key: json.dumps({"email": key["client_email"], "projectId": key["project_id"]}),
        key_file.NotAServiceAccountKeyError,
    ),
    "an API key": (lambda key: f"AIza{'x' * 35}\n", key_file.ApiKeyError),
    "an API key in quotes": (lambda key: f'"AIza{"-" * 35}"', key_file.ApiKeyError),
    "a P12 file": (
        lambda key: b"\x30\x82\x09\x41\x02\x01\x03" + bytes(range(256)),
        key_file.PrivateKeyAloneError,
    ),
    "a P12 file in base64": (
        lambda key: b64encode(b"\x30\x82\x09\x41\x02\x01\x03" + bytes(range(256))),
        key_file.PrivateKeyAloneError,
    ),
    "a PEM file": (lambda key: key["private_key"].encode(), key_file.PrivateKeyAloneError),
    "the private key of the file": (
        lambda key: json.dumps(key["private_key"]),
        key_file.PrivateKeyAloneError,
    ),
    "a damaged private key": (
        with_private(lambda pem: pem.replace("M", "N")),
        key_file.NotAServiceAccountKeyError,
    ),
    "a shortened private key": (
        with_private(lambda pem: pem[:200]),
        key_file.NotAServiceAccountKeyError,
    ),
    "an account without a name": (
        lambda key: text(key, client_email=None),
        key_file.NotAServiceAccountKeyError,
    ),
    "a number for a name": (
        lambda key: text(key, private_key_id=5),
        key_file.NotAServiceAccountKeyError,
    ),
    "half a character": (
        lambda key: text(key, project_id="home\ud83d"),
        key_file.NotAServiceAccountKeyError,
    ),
    "lines of the private key": (
        lambda key: text(key, private_key=key["private_key"].splitlines()),
        key_file.NotAServiceAccountKeyError,
    ),
    "an encrypted private key": (
        with_private(lambda pem: pem.replace("PRIVATE", "ENCRYPTED PRIVATE")),
        key_file.NotAServiceAccountKeyError,
    ),
}


@pytest.mark.parametrize(("change", "expected"), OTHERS.values(), ids=OTHERS)
def test_others(warehouse: Warehouse, change: Change, expected: type[KeyFileError]) -> None:
    """What is no key of a service account is called what it is, and not quoted."""
    key = warehouse.create_key()
    with pytest.raises(KeyFileError) as raised:
        read_key(change(key))
    assert type(raised.value) is expected
    assert not raised.value.args
