"""Where customers reach this service, and so what a connect link begins with."""

from typing import Final
from urllib.parse import urlsplit

from waypost import errors
from waypost.settings import Settings

_THIS_MACHINE: Final = ("127.0.0.1", "::1", "localhost")


def link(base: str, secret: str) -> str:
    """The URL of a link."""
    return f"{base}/connect/{secret}"


def base(settings: Settings) -> str:
    """Where others reach the service.

    Raises:
        SettingsError: WAYPOST_PUBLIC_URL is no address that a token may be sent to.
    """
    if not settings.public_url:
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::", "localhost") else settings.host  # noqa: S104
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if settings.tls_cert else 'http'}://{host}:{settings.port}"
    try:
        parts = urlsplit(settings.public_url)
        plain = parts.hostname in _THIS_MACHINE and parts.scheme == "http"
        fit = parts.hostname and (parts.scheme == "https" or plain)
    except ValueError:
        fit = False
    if not fit or parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise errors.SettingsError(
            "WAYPOST_PUBLIC_URL is not the https address of this service, so no link can be made of it.",
            remedy="Set it like https://waypost.example.com; plain http is for this machine alone.",
        )
    return settings.public_url.rstrip("/")
