"""The translations: each has all texts, and what is filled into them."""

import json
from pathlib import Path
import re
from typing import Any

import pytest

import custom_components.bigquery_export as integration

_FOLDER = Path(str(integration.__file__)).parent / "translations"
_LANGUAGES = ("de", "es", "fr", "nl")
_KEPT = re.compile(r"{\w+}|```|\*\*|`[^`{]+`|bigquery_export\.\w+|https?://[\w.:/]*\w")
"""What is the same in each language: placeholders, markup, and what only computers read."""


def texts(node: Any, path: str = "") -> dict[str, str]:
    """Return all texts by where they are."""
    if isinstance(node, str):
        return {path: node}
    return {key: text for name in node for key, text in texts(node[name], f"{path}/{name}").items()}


def load(language: str) -> dict[str, str]:
    """Return the texts of a language."""
    return texts(json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8")))


def test_languages() -> None:
    """These languages are there, and no other."""
    assert {path.stem for path in _FOLDER.iterdir()} == {"en", *_LANGUAGES}


@pytest.mark.parametrize("language", _LANGUAGES)
def test_translation(language: str) -> None:
    """A translation has the same keys, and each text of it what has to be the same."""
    english, translated = load("en"), load(language)
    assert list(translated) == list(english)
    for key, text in translated.items():
        assert text == text.strip(), key
        assert not re.search(r"<[a-z/]|'{", text), key
        assert sorted(_KEPT.findall(text)) == sorted(_KEPT.findall(english[key])), key
    same = [key for key, text in translated.items() if text == english[key] and " " in text]
    assert len(same) < len(english) / 20, same
