"""The messages on the page on troubleshooting, as they begin in the translations.

An entry of the page begins with an anchor for each key of a message that it is about; the rest of
that line follows from the keys: `python -m tests.documentation` writes it. Repairs link to the
anchors by their keys.
"""

from collections.abc import Iterator
import json
import re

from .markdown import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
_TEXTS = ROOT / "custom_components" / "bigquery_export" / "translations" / "en.json"
_ENTRY = re.compile(r'^((?:<a id="\w+"></a>)+).*$', re.MULTILINE)
_KEY = re.compile(r'id="(\w+)"')
_ANSWERS = ("query_price", "restored_", "verify_")
"""How keys of sentences begin that are no errors, but what an action has found or done."""
_OTHER_SENTENCE = "refused"
"""The key of an error of subentries whose text is the sentence of an exception."""
_SUCCESS = "reconfigure_successful"
_PLACEHOLDER = re.compile(r"{\w+}")


def messages() -> dict[str, list[str]]:
    """Return the messages of each key, by how they begin: of forms, of exceptions, of repairs."""
    found: dict[str, list[str]] = {}
    for key, shown in _all():
        if shown not in found.setdefault(key, []):
            found[key].append(shown)
    return found


def keys(text: str) -> list[str]:
    """Return the keys that the page has entries for."""
    return [key for entry in _ENTRY.finditer(text) for key in _KEY.findall(entry[1])]


def troubleshooting_page() -> str:
    """Return `docs/troubleshooting.md` with the messages as they are now."""
    known = messages()

    def entry(match: re.Match[str]) -> str:
        shown = dict.fromkeys(text for key in _KEY.findall(match[1]) for text in known[key])
        return f"{match[1]}{' · '.join(shown)}\\"

    return _ENTRY.sub(entry, PAGE.read_text())


def _all() -> Iterator[tuple[str, str]]:
    english = json.loads(_TEXTS.read_text())
    for flow in ("config", "options"):
        for key, text in english[flow]["error"].items():
            yield key, f"**{_beginning(text)}**"
    for subentry in english["config_subentries"].values():
        for key, text in (*subentry["abort"].items(), *subentry["error"].items()):
            if key not in (_OTHER_SENTENCE, _SUCCESS):
                yield key, f"**{_beginning(text)}**"
    for key, exception in english["exceptions"].items():
        if not key.startswith(_ANSWERS):
            yield key, f"**{_beginning(exception['message'])}**"
    for key, issue in english["issues"].items():
        yield key, f"Repair **{_beginning(issue['title'])}**"


def _beginning(sentence: str) -> str:
    """Return what a user searches for who sees a sentence: how it begins, `…` for what varies."""
    first = re.split(r"(?<=\.)\s", sentence.removeprefix("{title}: "))[0].removesuffix(".")
    return re.sub(r": …$| \(…\)$", "", _PLACEHOLDER.sub("…", first))
