"""Drawing pages: templates with everything escaped, and the headers that every answer of the console has."""

from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response
from litestar.enums import MediaType

from waypost.console import assets

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
"""What a browser lets a page do: nothing but load Waypost's own files and send its form to Waypost."""

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",  # the address of the page is a secret
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}

_environment: Final = Environment(
    loader=PackageLoader("waypost.console"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["asset"] = assets.url


def page(
    template: str, *, status: int = 200, **facts: Any
) -> Response[str]:  # Any: whatever the template shows
    """A page as an answer."""
    html = _environment.get_template(template).render(facts)
    return Response(html, status_code=status, media_type=MediaType.HTML, headers=dict(HEADERS))
