"""Text of integrations, which may give anything."""


def valid_text(value: object) -> str | None:
    """Return a value as text that a STRING column takes; None stays None."""
    return None if value is None else str(value).encode(errors="replace").decode()
