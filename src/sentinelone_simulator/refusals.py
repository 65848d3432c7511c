"""Answers that are not 200, in the words recorded from consoles (API notes 6)."""

import msgspec

AUTHENTICATION = "Authentication Failed"
PERMISSIONS = "Insufficient permissions"


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure of the simulator
    """An error answer of the console: HTTP status, its code, title and detail."""

    def __init__(self, status: int, code: int, title: str, detail: str | None = None) -> None:
        super().__init__(f"{status} {code} {title}: {detail}")
        self.status = status
        self.body = error_body(code, title, detail)


def error_body(code: int, title: str, detail: str | None) -> bytes:
    return msgspec.json.encode({"errors": [{"code": code, "detail": detail, "title": title}]})


def invalid(detail: str) -> Refusal:
    return Refusal(400, 4_000_010, "Validation Error", detail)


def unauthenticated() -> Refusal:
    return Refusal(401, 4_010_010, AUTHENTICATION)


def forbidden(detail: str | None = None) -> Refusal:
    return Refusal(403, 4_030_010, PERMISSIONS, detail)


def missing() -> Refusal:
    return Refusal(404, 4_040_010, "Requested resource was not found", "")


def conflict() -> Refusal:
    return Refusal(409, 4_090_010, "API token creation conflict")


def unsupported() -> Refusal:
    return Refusal(501, 5_010_010, "Not supported")
