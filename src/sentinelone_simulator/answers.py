"""An answer before it is sent: what handlers make, what faults bend, what the server writes."""

from dataclasses import dataclass, field

JSON = "application/json"
HTML = "text/html"
TEXT = "text/plain"


@dataclass(slots=True)
class Answer:
    """`cut` is how it breaks off: `reset` the connection, or send `half` of what was announced."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    cut: str = ""


TOO_MANY = Answer(
    429,
    b"<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body>\r\n"
    b"<center><h1>429 Too Many Requests</h1></center>\r\n<hr><center>nginx</center>\r\n"
    b"</body>\r\n</html>\r\n",
    HTML,
)
NOT_ROUTED = Answer(404, b"404 page not found\n", TEXT)
LOGIN_PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>SentinelOne - Login</title></head>"
    b'<body><form action="/login" method="post"><input name="email"></form></body></html>\n'
)
