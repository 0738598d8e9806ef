"""The integration's texts, by their keys, so that a change of wording breaks no journey."""

from collections.abc import Iterator
from functools import cache
import json
import re
from typing import Any

from tests.home.home_assistant import INTEGRATION

_PLACEHOLDER = re.compile(r"\{\w+\}")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_SET_APART = re.compile(r"\*\*|`+")
_WORD = re.compile(r"\w+")
_MARKS = re.compile(r"\*\*|`(?:``)?|^- ", re.MULTILINE)


@cache
def _strings() -> dict[str, Any]:
    texts: dict[str, Any] = json.loads((INTEGRATION / "translations" / "en.json").read_text())
    return texts


def text(key: str) -> str:
    """Return a text by its key, like "config.step.user.title"."""
    found: Any = _strings()
    for part in key.split("."):
        found = found[part]
    assert isinstance(found, str), f"{key} is no text"
    return found


def is_own(shown: str) -> bool:
    """Return whether the integration says what is shown; Home Assistant has single words, too."""
    several = len(_WORD.findall(shown)) > 1
    return "BigQuery" in shown or (several and plain(shown) in _all_texts())


@cache
def _all_texts() -> frozenset[str]:
    def texts(node: Any) -> Iterator[str]:
        if isinstance(node, str):
            yield plain(node)
            # A page has what Markdown sets apart, and what stands beside it, as texts of their own.
            yield from (part.strip() for part in _SET_APART.split(node))
        else:
            for inner in node.values():
                yield from texts(inner)

    return frozenset(texts(_strings()))


def plain(text: str) -> str:
    """Return a text without the marks of Markdown that the texts have on purpose."""
    return _MARKS.sub("", _LINK.sub(r"\1", text))


def links_in(text: str) -> int:
    """Return how many links a text has."""
    return len(_LINK.findall(text))


def pattern(key: str) -> re.Pattern[str]:
    """Return what a text with placeholders looks like with their values."""
    return _pattern(text(key))


def patterns(key: str) -> list[re.Pattern[str]]:
    """Return the same of each line of a text, as a browser shows paragraphs and lists."""
    lines = text(key).splitlines()
    return [_pattern(line) for line in lines if line]


def _pattern(text: str) -> re.Pattern[str]:
    # Home Assistant takes the full stop away from an exception's message.
    return re.compile(".+".join(map(re.escape, _PLACEHOLDER.split(plain(text).removesuffix(".")))))
