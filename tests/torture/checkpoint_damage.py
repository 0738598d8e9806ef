"""What can happen to the file of the checkpoint."""

from pathlib import Path
from random import Random

_PAGE = 4096


def damage(checkpoint: Path, random: Random) -> str:
    """Delete the file or make it unreadable, and say which; nothing is done if there is none."""
    if not checkpoint.exists():
        return "no checkpoint to damage"
    content = checkpoint.read_bytes().rstrip(b"\0")
    match random.choice(("deleted", "empty", "cut", "page", "zeros", "noise", "other")):
        case "deleted":
            checkpoint.unlink()
            return "checkpoint deleted"
        case "empty":
            checkpoint.write_bytes(b"")
        case "cut":
            checkpoint.write_bytes(content[: random.randrange(1, len(content) - 1)])
        case "page":
            place = random.randrange(0, len(content), _PAGE)
            checkpoint.write_bytes(content[:place] + bytes(_PAGE) + content[place + _PAGE :])
        case "zeros":
            # What a file system may leave after a power cut.
            checkpoint.write_bytes(bytes(len(content)))
        case "noise":
            checkpoint.write_bytes(random.randbytes(len(content)))
        case "other":
            checkpoint.write_bytes(b'{"version": 99}')
    return "checkpoint damaged"
