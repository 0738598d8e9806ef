"""The translations: each has all texts, and what is filled into them; the sentences of errors."""

import json
from pathlib import Path
import re
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

import custom_components.bigquery_export as integration
from custom_components.bigquery_export.errors import KeyRefusedError, StoppedError
from custom_components.bigquery_export.translation import (
    async_load_translations,
    async_number,
    async_reason,
    async_text,
    translated,
    validation_error,
)

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
        assert text == text.strip() or key == "/common/group_sign", key
        assert not re.search(r"<[a-z/]|'{", text), key
        assert sorted(_KEPT.findall(text)) == sorted(_KEPT.findall(english[key])), key
    same = [key for key, text in translated.items() if text == english[key] and " " in text]
    assert len(same) < len(english) / 20, same


@pytest.mark.parametrize("language", ["en", *_LANGUAGES])
def test_errors_are_plain(language: str) -> None:
    """What is not rendered as Markdown has no marks of it, which a user would see."""
    plain = re.compile(
        r"/(error|exceptions|title|selector|services|entity|sections/\w+/(name|description))/"
    )
    for key, text in load(language).items():
        if plain.search(f"{key}/"):
            assert not re.search(r"[`\]]|\*\*", text), key


@pytest.mark.parametrize(
    ("language", "number", "shown"),
    [
        ("en", 1_234_567, "1,234,567"),
        ("de", 1_234_567, "1.234.567"),
        ("fr", 1_234, "1\u202f234"),
        ("en", 12_345.678, "12,345.678"),
        ("nl", -12_345.5, "-12.345,5"),
        ("es", 0.000_06, "0,00006"),
        ("en", 100, "100"),
        ("en", 20.0, "20"),
    ],
)
async def test_numbers(hass: HomeAssistant, language: str, number: float, shown: str) -> None:
    """Numbers in sentences are written as Home Assistant's language writes them."""
    hass.config.language = language
    await async_load_translations(hass)
    assert async_number(hass, number) == shown
    sentence = async_text(
        hass, "common", "notification_completed", {"rows": number, "seconds": "1"}
    )
    assert shown in sentence


@pytest.mark.usefixtures("no_translations")
async def test_before_the_set_up(hass: HomeAssistant) -> None:
    """Sentences are in Home Assistant's language, also where no export was set up yet."""
    hass.config.language = "de"
    with pytest.raises(KeyError):
        async_text(hass, "common", "key_age", {"days": 7})
    await async_load_translations(hass)
    assert "7 Tagen" in async_text(hass, "common", "key_age", {"days": 7})


async def test_reasons(hass: HomeAssistant) -> None:
    """What an error says is the same sentence, whether Home Assistant or an export raised it."""
    hass.config.language = "de"
    await async_load_translations(hass)
    refused = KeyRefusedError("Invalid JWT Signature.")
    reason = async_reason(hass, refused)
    assert "Invalid JWT Signature" in reason
    assert reason == async_reason(hass, translated(HomeAssistantError, refused))
    assert async_reason(hass, HomeAssistantError("The disk is full")) == "The disk is full"
    assert "StoppedError" not in async_reason(hass, StoppedError())
    expected = load("de")["/exceptions/end_before_start/message"]
    placeholders = {"start": "2", "end": "1"}
    error = validation_error("end_before_start", **placeholders)
    assert async_reason(hass, error) == expected.format(**placeholders)
