"""The pictures of the documentation, cut out of those that `script/screenshots DIR` has left."""

from pathlib import Path
import sys

from PIL import Image

from .chromium import SHARP

FOLDER = Path(__file__).parents[2] / "docs" / "images"
WIDTH = 1000
"""Pixels that a picture has at most from left to right."""

_MOST_BYTES = 150_000
"""Larger ones are made of fewer colours."""
_CUT_OUT = {
    "dashboard": (256, 56, 1280, 510),
    "options-schedule": (342, 32, 938, 868),
    "device": (256, 86, 1280, 1310),
    "questions": (256, 56, 1280, 520),
    "repair": (256, 56, 1280, 640),
    "restore-dialog": (330, 296, 950, 604),
    "restore-energy": (256, 0, 1280, 880),
    "restore-progress": (600, 560, 936, 1306),
    "restore-repair": (456, 70, 1080, 196),
    "set-up-what": (342, 32, 938, 868),
}
"""What of the window is shown: left, top, right and bottom."""


def make(screenshots: Path, folder: Path = FOLDER) -> None:
    """Make the pictures anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, corners in _CUT_OUT.items():
        (screenshot,) = screenshots.glob(f"[0-9][0-9]-{name}.png")
        left, top, right, bottom = (SHARP * corner for corner in corners)
        with Image.open(screenshot) as seen:
            picture = seen.convert("RGB").crop((left, top, right, bottom))
        picture.thumbnail((WIDTH, picture.height), Image.Resampling.LANCZOS)
        file = folder / f"{name}.png"
        picture.save(file, optimize=True)
        if file.stat().st_size > _MOST_BYTES:
            # This method keeps a colour that is seen in few places, such as in a logo.
            method = Image.Quantize.MAXCOVERAGE
            picture.quantize(256, method, dither=Image.Dither.NONE).save(file, optimize=True)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
