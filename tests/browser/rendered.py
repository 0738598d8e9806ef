"""What the frontend makes of the integration's texts, which it renders as Markdown."""

from collections.abc import Iterator, Mapping
import json
import re
from typing import Any

from tests.home.home_assistant import INTEGRATION

from .texts import links_in, plain
from .window import Window

_RENDERED = ("config", "options", "issues")
"""Forms and repairs: their descriptions, and those of fields, are Markdown."""
_PLACEHOLDER = re.compile(r"\{\w+\}")
_IN_SECTION = re.compile(r"\.sections\.\w+$")
_VALUE = "a_b_c"
"""What stands for each placeholder: names often have underscores."""
_RENDER = """async texts => {
  await customElements.whenDefined("ha-markdown");
  const seen = [];
  for (const text of texts) {
    const markdown = document.createElement("ha-markdown");
    markdown.content = text;
    document.body.append(markdown);
    await markdown.updateComplete;
    const element = markdown.shadowRoot.querySelector("ha-markdown-element");
    while (!(element.renderRoot ?? element).textContent.trim()) {
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    const root = element.renderRoot ?? element;
    seen.push([
      root.textContent,
      [...root.querySelectorAll("a")].map(link => link.getAttribute("href")),
    ]);
    markdown.remove();
  }
  return seen;
}"""


def texts() -> dict[str, str]:
    """Return the texts of forms and repairs in each language, by where they are."""
    found: dict[str, str] = {}
    for path in sorted((INTEGRATION / "translations").glob("*.json")):
        strings = json.loads(path.read_text())
        for part in _RENDERED:
            found.update(_texts(strings[part], f"{path.stem}.{part}"))
    return found


def _texts(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield path, _PLACEHOLDER.sub(_VALUE, node)
        return
    for name, inner in node.items():
        if name == "error" or (name == "description" and _IN_SECTION.search(path)):
            continue  # The frontend shows these as they are.
        yield from _texts(inner, f"{path}.{name}")


async def misread(window: Window, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return those texts that a user does not read as they are written, as they are shown.

    A star or an underscore may be gone, or a name be a link that nobody has written.
    """
    rendered = await window.page.evaluate(_RENDER, list(wanted.values()))
    return {
        path: shown.strip()
        for (path, text), (shown, links) in zip(wanted.items(), rendered, strict=True)
        if _words(plain(text)) != _words(shown) or len(links) != links_in(text)
    }


def _words(text: str) -> list[str]:
    return text.split()
