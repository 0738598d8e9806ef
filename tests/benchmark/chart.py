"""Horizontal bars as SVG, to be read on a light page and on a dark one."""

from collections.abc import Sequence
from html import escape

_WIDTH = 760
_NAMES = 210
_FIGURES = 100
_BAR = 26
_GAP = 12
_TOP = 64
_BOTTOM = 34
# Neither light nor dark: a page may have another theme than the system of who looks at it.
_STYLE = """\
text { font: 14px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #6e7781; }
.title { font-size: 16px; font-weight: 600; }
.small { font-size: 12px; }
.bar { fill: #8c959f; }
.ours { fill: #2f81f7; }"""


def chart(title: str, subtitle: str, bars: Sequence[tuple[str, float, bool]], note: str) -> str:
    """Return a chart of bars with name, value and whether it is the one to look at.

    The axis is linear and begins at 0, so that the lengths can be compared.
    """
    longest = max((value for _, value, _ in bars), default=1.0)
    height = _TOP + len(bars) * (_BAR + _GAP) + _BOTTOM
    scale = (_WIDTH - _NAMES - _FIGURES) / longest
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="0" y="20">{escape(title)}</text>',
        f'<text class="small" x="0" y="42">{escape(subtitle)}</text>',
    ]
    for number, (name, value, ours) in enumerate(bars):
        y = _TOP + number * (_BAR + _GAP)
        middle = y + _BAR / 2 + 5
        width = value * scale
        lines += [
            f'<text x="{_NAMES - 12}" y="{middle}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{"ours" if ours else "bar"}" x="{_NAMES}" y="{y}"'
            f' width="{width:.1f}" height="{_BAR}" rx="3"/>',
            f'<text x="{_NAMES + width + 8:.1f}" y="{middle}">{_short(value)}</text>',
        ]
    lines += [f'<text class="small" x="0" y="{height - 10}">{escape(note)}</text>', "</svg>"]
    return "\n".join(lines) + "\n"


def _short(value: float) -> str:
    """Return a number with three digits that mean something: 6,160, 61,600, 616,000."""
    return f"{float(f'{value:.3g}'):,.0f}"
