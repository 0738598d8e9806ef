"""Addresses in texts that may have anything in them: they are taken out by their form."""

import re

LEFT_OUT = "…"
_ADDRESSES = re.compile(
    r"""
    [a-z][a-z0-9+.-]*://\S+                                 # a URL
    | [\w.+-]+@[\w.-]+                                      # an account
    | \b(?:[0-9a-f]{2}[:-]){5,7}[0-9a-f]{2}\b               # a MAC address
    | (?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])            # IPv4
    | (?<![\w:])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])  # IPv6
    | \b[\w-]+(?:\.[\w-]+)*\.(?:local|lan|home|internal|fritz\.box)\b
    | \b(?=[\w-]*\d)(?=[\w-]*[a-z])[\w-]{16,}               # an id or a token
    """,
    re.IGNORECASE | re.VERBOSE,
)


def without_addresses(text: str) -> str:
    """Return a text without URLs, accounts, hosts, IP and MAC addresses, ids and tokens."""
    return _ADDRESSES.sub(LEFT_OUT, text)
