"""What can happen to the file of the checkpoint."""

from pathlib import Path
from random import Random


def damage(checkpoint: Path, random: Random) -> str:
    """Delete the file or make it unreadable, and say which; nothing is done if there is none."""
    if not checkpoint.exists():
        return "no checkpoint to damage"
    content = checkpoint.read_bytes()
    match random.choice(("deleted", "empty", "cut", "zeros", "noise", "other")):
        case "deleted":
            checkpoint.unlink()
            return "checkpoint deleted"
        case "empty":
            checkpoint.write_bytes(b"")
        case "cut":
            checkpoint.write_bytes(content[: random.randrange(1, len(content) - 1)])
        case "zeros":
            # What a file system may leave after a power cut.
            checkpoint.write_bytes(bytes(len(content)))
        case "noise":
            checkpoint.write_bytes(random.randbytes(len(content)))
        case "other":
            checkpoint.write_bytes(b'{"version": 99}')
    return "checkpoint damaged"
