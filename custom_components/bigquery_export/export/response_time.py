"""How long a service took to answer, and when."""

from dataclasses import dataclass
from time import monotonic, time
from typing import Self


@dataclass(frozen=True, slots=True)
class ResponseTime:
    """When a service has answered, in seconds since 1970, and how many seconds it took."""

    at: float
    seconds: float

    @classmethod
    def since(cls, began: float) -> Self:
        """Return that of an answer which has come now; it was asked at `monotonic()` = `began`."""
        return cls(time(), monotonic() - began)
