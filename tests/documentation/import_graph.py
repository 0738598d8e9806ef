"""The picture of the rooms, `docs/rooms.svg`: drawn from the contracts and the code's imports."""

from collections.abc import Iterable, Iterator
from itertools import chain
import tomllib

import grimp

from .markdown import ROOT

PACKAGE = "custom_components.bigquery_export"
DOORS = "Home Assistant's doors"
"""One box for all modules of the first two layers, and for the package itself."""
_STEP, _ROW = 46, 36
_WIDTH, _HEIGHT = 88, 26
_ARRIVAL = 66
"""Where an arrow comes down on a box: right of the end of the box before it."""
_LEFT, _TOP = 80, 12
_STYLE = """\
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #6e7781; }
.name { text-anchor: middle; fill: #2f81f7; font-weight: 600; }
.come { text-anchor: middle; font-style: italic; }
.box { fill: #2f81f7; fill-opacity: 0.1; stroke: #2f81f7; }
.later { fill: none; stroke: #8c959f; stroke-dasharray: 4 3; }
.line { fill: none; stroke: #8c959f; stroke-opacity: 0.7; }
.dot, .tip { fill: #8c959f; }"""
_LEGEND = (
    "A room imports those that its line has a dot for:",
    "go right to the dot, and down to the room.",
    "No arrow goes left or up; data flows the other way.",
    "Dashed: rooms to come, in their places.",
)


def rooms_picture() -> str:
    """Return `docs/rooms.svg`: the rooms as a staircase, and an arrow from importer to imported.

    An import that the contracts do not allow is not drawn: `lint-imports` says it.
    """
    arrows = imports()
    rooms = list(staircase())
    places = {name: place for place, (name, _) in enumerate(rooms)}
    width = _LEFT + _STEP * (len(rooms) - 1) + _WIDTH + 2
    height = _TOP + _ROW * (len(rooms) - 1) + _HEIGHT + 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" role="img" aria-label="The rooms, and which imports which">',
        f"<style>{_STYLE}</style>",
        *(
            line
            for name in places
            for line in _lines(
                places[name],
                sorted(
                    places[other]
                    for importer, other in arrows
                    if importer == name and places.get(other, -1) > places[name]
                ),
            )
        ),
        *_arrows(
            sorted({(places[b], places[a]) for a, b in arrows if a in places and b in places})
        ),
        *(_box(place, name, there) for place, (name, there) in enumerate(rooms)),
        *(
            f'<text x="2" y="{height - 72 + 20 * line}">{text}</text>'
            for line, text in enumerate(_LEGEND)
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def layers() -> list[list[str]]:
    """Return the layers of the contract, from the doors on: each with the names of its rooms."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (contract,) = (one for one in contracts["contracts"] if one["type"] == "layers")
    return [[name.strip() for name in layer.split("|")] for layer in contract["layers"]]


def staircase() -> Iterator[tuple[str, bool]]:
    """Yield the rooms from left to right, and whether they are there already.

    The rooms to come of one layer have one box.
    """
    yield DOORS, True
    for layer in layers()[2:]:
        yield from ((name, True) for name in layer if not name.startswith("("))
        if later := [name.strip("()") for name in layer if name.startswith("(")]:
            yield ", ".join(later), False


def imports() -> set[tuple[str, str]]:
    """Return which room imports which: pairs of names, importer first."""
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    doors = set(chain.from_iterable(layers()[:2])) | {""}

    def room(module: str) -> str:
        name = module.removeprefix(PACKAGE).removeprefix(".").partition(".")[0]
        return DOORS if name in doors else name

    return {
        (room(importer), room(imported))
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if room(importer) != room(imported)
    }


def _corner(place: int) -> tuple[int, int]:
    """Return the upper left corner of a box."""
    return _LEFT + _STEP * place, _TOP + _ROW * place


def _lines(place: int, others: list[int]) -> Iterator[str]:
    """Yield the line to the right of a room, as far as its last dot, and its dots."""
    if not others:
        return
    x, y = _corner(place)
    middle = y + _HEIGHT // 2
    start = x + _WIDTH
    yield f'<path class="line" d="M{start} {middle}H{_corner(others[-1])[0] + _ARRIVAL}"/>'
    for other in others:
        yield f'<circle class="dot" cx="{_corner(other)[0] + _ARRIVAL}" cy="{middle}" r="3.5"/>'


def _arrows(pairs: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Yield the arrow down to each room that is imported, from its first importer's line on."""
    first: dict[int, int] = {}
    for imported, importer in pairs:
        if importer < imported:
            first.setdefault(imported, importer)
    for imported, importer in first.items():
        x, y = _corner(imported)
        x += _ARRIVAL
        yield f'<path class="line" d="M{x} {_corner(importer)[1] + _HEIGHT // 2}V{y - 6}"/>'
        yield f'<path class="tip" d="M{x - 4} {y - 7}h8l-4 7z"/>'


def _box(place: int, name: str, there: bool) -> str:
    """Return the box of a room; one with a longer name begins further left."""
    x, y = _corner(place)
    if place == 0:
        x, width = 2, x + _WIDTH - 2
    elif not there:
        x, width = x - _STEP - 6, _WIDTH + _STEP + 6
    else:
        width = _WIDTH
    kind, style = ("box", "name") if there else ("later", "come")
    return (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{_HEIGHT}" rx="4"/>\n'
        f'<text class="{style}" x="{x + width // 2}" y="{y + 17}">{name}</text>'
    )
