"""The file of a service account's key, as people bring it.

Editors, terminals and chat programs change it on the way: its encoding, its spaces and quotes, and
the line breaks of the private key. It is read wherever it can mean only one thing.
"""

from base64 import b64decode
from binascii import Error as NotBase64Error
import json
import re
from typing import Any, ClassVar, TypeGuard

_SPACES = re.compile(r"[^\S\n\r]")
_INVISIBLE = re.compile(r"[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_HALF = re.compile(r"[\ud800-\udfff]")
_QUOTES = str.maketrans(dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb", '"'))
_LAST_COMMA = re.compile(r",(\s*})")
_LAYERS = 3
"""How often a key may be wrapped: in quotes, in base64, in another object."""
_WRAPPED_BY = "privateKeyData"
"""Where the answer of Google's IAM API has the file (reference of `keys.create`)."""
_BASE64 = re.compile(r"[A-Za-z0-9+/_=\s-]{100,}")
_PEM = re.compile(
    r"[-\u2010-\u2015\u2212]+ *BEGIN (?P<kind>(?:RSA )?PRIVATE KEY) *[-\u2010-\u2015\u2212]+"
    r"(?P<body>[A-Za-z0-9+/=\s]+)[-\u2010-\u2015\u2212]+ *END (?P=kind)"
)
_BREAK = re.compile(r"\\+[nr]")
_LINE = 64
_API_KEY = re.compile(r"AIza[\w-]{35}")
_OAUTH_CLIENTS = ("installed", "web")
_DER = b"\x30\x82"
"""How P12 files begin: a sequence of ASN.1 that is longer than 255 bytes."""


class KeyFileError(ValueError):
    """It is no key of a service account. `key` names the sentence in the translations."""

    key: ClassVar[str]


class NotJsonError(KeyFileError):
    """The text is not a JSON object."""

    key = "not_json"


class NotAServiceAccountKeyError(KeyFileError):
    """The JSON is not the key of a service account, or it is damaged."""

    key = "not_a_service_account_key"


class OAuthClientError(KeyFileError):
    """It is the file of an OAuth client."""

    key = "key_of_oauth_client"


class UserCredentialsError(KeyFileError):
    """It is the sign-in of a person, as gcloud makes it."""

    key = "key_of_user"


class ApiKeyError(KeyFileError):
    """It is an API key."""

    key = "api_key"


class PrivateKeyAloneError(KeyFileError):
    """It is a private key without its account: a P12 or PEM file."""

    key = "private_key_alone"


def read_key_file(content: bytes | str) -> dict[str, Any]:
    """Return the JSON object of a service account's key file.

    Raises a KeyFileError that says what it is instead, and does not quote the content.
    """
    key = _json_object(_text(content))
    if key.keys() & set(_OAUTH_CLIENTS):
        raise OAuthClientError
    if key.get("type") == "authorized_user":
        raise UserCredentialsError
    if key.get("type") != "service_account":
        raise NotAServiceAccountKeyError
    # All that Google writes into it are texts, and Home Assistant cannot keep all else.
    texts = {name: _spaced(value) for name, value in key.items() if _is_text(value)}
    if "private_key" in texts:
        texts["private_key"] = _private_key(texts["private_key"])
    return texts


def _is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is a text of whole characters: JSON has halves of them, too."""
    return isinstance(value, str) and not _HALF.search(value)


def _spaced(text: str) -> str:
    """Return a text with plain spaces, none around it, and nothing that cannot be seen."""
    return _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip()


def _text(content: bytes | str) -> str:
    """Return the text of a file in any encoding of Unicode, with plain spaces and quotes."""
    if isinstance(content, bytes):
        if content.startswith(_DER):
            raise PrivateKeyAloneError
        try:
            text = content.decode(json.detect_encoding(content))
        except ValueError:
            # Windows writes no-break spaces like this.
            text = content.decode("latin-1")
    else:
        text = content
    return _spaced(text)


def _json_object(text: str) -> dict[str, Any]:
    """Return the object in a text, without what is around it."""
    for _ in range(_LAYERS):
        value = _json(text)
        if isinstance(value, dict) and isinstance(inner := value.get(_WRAPPED_BY), str):
            text = inner
        elif isinstance(value, dict):
            return value
        elif isinstance(value, str):
            text = value.strip()
        elif _API_KEY.fullmatch(text.strip("\"'`")):
            raise ApiKeyError
        elif '"' not in text and _PEM.search(_BREAK.sub("\n", text)):
            raise PrivateKeyAloneError
        elif (decoded := _decoded(text)) is not None:
            text = _text(decoded)
        else:
            break
    raise NotJsonError


def _json(text: str) -> object:
    """Return the value of a JSON text, or of the object in it; None where there is none."""
    braces = text[text.find("{") : text.rfind("}") + 1]
    plain = _LAST_COMMA.sub(r"\1", braces.translate(_QUOTES))
    # Python writes single quotes; within another text each quote is escaped.
    escaped = braces and f'"{braces}"'
    for candidate in (text, braces, plain, plain.replace("'", '"'), escaped):
        try:
            # Not strictly: line breaks of the private key may be real ones.
            value: object = json.loads(candidate, strict=False)
            return value
        except ValueError, RecursionError:
            continue
    return None


def _decoded(text: str) -> bytes | None:
    """Return what a text is base64 of, or None."""
    if not _BASE64.fullmatch(text):
        return None
    try:
        return b64decode(re.sub(r"\s", "", text).replace("-", "+").replace("_", "/"))
    except NotBase64Error:
        return None


def _private_key(text: str) -> str:
    """Return a private key as PEM has it: line breaks may have been escaped, changed or lost."""
    found = _PEM.search(_BREAK.sub("\n", text))
    if found is None:
        return text
    body = re.sub(r"\s", "", found["body"])
    lines = [body[start : start + _LINE] for start in range(0, len(body), _LINE)]
    kind = found["kind"]
    return "\n".join((f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""))
