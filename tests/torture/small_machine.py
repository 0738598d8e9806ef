"""A machine with a small recorder's database, for the tests of what the torture remembers."""

from pathlib import Path
from random import Random

from tests.home.home_assistant import HomeAssistant
from tests.home.recorder_database import make

from .ledger import Ledger
from .machine import Machine
from .recorder_corrections import Corrections
from .recorder_growth import Growth


def make_small_machine(directory: Path) -> Machine:
    """Return a machine that rests: 50 states and 20 events of 5 entities, and nothing exported."""
    random = Random(1)  # noqa: S311 - repeatable
    directory.mkdir(exist_ok=True)
    home = HomeAssistant(directory)
    make(home.database, states=50, events=20, entities=5, days=0.1, statistics_days=0.1)
    return Machine(
        home,
        "entry",
        name="machine",
        ledger=Ledger(),
        growth=Growth(home.database, random),
        corrections=Corrections(home.database, random),
    )
