"""How long a soak is, and how busy its home."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How long, and how busy."""

    minutes: float
    changes_per_second: int
    export_every: float
    """Seconds from the beginning of an export to that of the next."""
    seed: int
    control: bool
    """Whether nothing is exported, to see what Home Assistant does by itself."""

    @property
    def seconds(self) -> float:
        """Return how long entities change."""
        return self.minutes * 60

    @property
    def exports_are_even(self) -> bool:
        """Say whether each third of the time has as many exports, at the same distances.

        Only then the rows that wait, which come and go with each export, can be compared.
        """
        return not self.control and self.seconds / 3 % self.export_every == 0
