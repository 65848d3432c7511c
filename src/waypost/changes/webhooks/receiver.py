"""Which addresses a webhook may have (rule 11): https with a public name, or what the operator allows inside.

Unlike a console a receiver may have any public name, port and path. That a name does not lead inside a network is
seen to where it is looked up, with every connection.
"""

import re
from typing import Final

from waypost import errors
from waypost.sentinelone import address as addresses
from waypost.sentinelone.address import Allowed

LONGEST: Final = 2_000

_PARTS: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>[^#]*)")
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*")


def checked(url: str, allowed: Allowed) -> str:
    """The address of a receiver as it is stored and called: host in lower case, path and query as they were given.

    Raises:
        WebhookAddressError: It is none, or may not be called.
    """
    url = url.strip()
    if len(url) > LONGEST:
        raise errors.WebhookAddressError(f"The address is longer than {LONGEST:,} characters.")
    parts = _PARTS.fullmatch(url)
    if parts is None or parts["scheme"].lower() not in ("https", "http"):
        raise errors.WebhookAddressError(
            "The address does not begin with https://, or has a part behind # in it, which is never sent."
        )
    if not _PATH.fullmatch(parts["path"]):
        raise errors.WebhookAddressError(
            "The address has characters in its path that none has; write them with %, like %20 for a space."
        )
    try:
        found = addresses.elsewhere(f"{parts['scheme']}://{parts['authority']}", allowed)
    except errors.AddressError as problem:
        raise errors.WebhookAddressError(problem.message) from None
    path = parts["path"]
    return found.origin + (path if path.startswith("/") else f"/{path}")


def host(url: str) -> str:
    """What logs tell of an address: its path may be a secret of the receiver's."""
    parts = _PARTS.match(url)
    return parts["authority"] if parts else ""
