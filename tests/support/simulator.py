"""The simulated console as a program of its own, and its control plane.

Calls block: they are short, and the console runs in another process.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

Document = dict[str, Any]  # Any: straight from JSON


class Simulator:
    """A running console: `url`, and `token` of its tenant's viewer."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    def truth(self, token: str = "") -> Document:
        """What a correct client with this token must end with."""
        return self._call("GET", f"/truth?token={quote(token or self.token)}")

    def advance(self, days: int = 1, *, risk_change: float = 0.05, tenant: int = 0) -> Document:
        """Let days pass; by default more happens in them than in real ones, so that small estates change."""
        return self._call("POST", f"/advance?tenant={tenant}", {"days": days, "risk_change": risk_change})

    def change(self, do: str, **what: Any) -> Document:
        """Change the tree: `change("rename", id=..., name=...)`; the site or account as it is then."""
        done: list[Document] = self._call("POST", "/tree", {"steps": [{"do": do, **what}]})
        return done[0]

    def tokens(self) -> list[Document]:
        return self._call("GET", "/tokens")

    def holder(self, name: str) -> str:
        """The token of this name."""
        return next(token["token"] for token in self.tokens() if token["name"] == name)

    def viewers(self) -> list[str]:
        """The tokens of the tenant viewers, one for each console behind this address."""
        return [token["token"] for token in self.tokens() if token["name"] == "Tenant viewer"]

    def of_scope(self, scope: str, place: int = 0) -> str:
        """One of the valid tokens that hold a single account or site; the first by default."""
        found = [
            token["token"]
            for token in self.tokens()
            if token["scope"] == scope and len(token["scopeIds"]) == 1
        ]
        return found[place % len(found)]

    def change_token(self, token: str, **change: Any) -> None:
        """`state="revoked"`, `scopeIds=[...]` or `role="SOC"`."""
        self._call("POST", f"/tokens/{quote(token, safe='')}", change)

    def fault(self, *faults: Document) -> None:
        """Switch these faults on, and all others off."""
        self._call("PUT", "/faults", {"faults": faults})

    def heal(self) -> None:
        """Switch all faults off."""
        self._call("DELETE", "/faults")

    def requests(self) -> Document:
        return self._call("GET", "/requests")

    def forget_requests(self) -> None:
        self._call("DELETE", "/requests")

    def count(self, path: str) -> int:
        """GET requests of this path so far."""
        return int(self.requests()["by"].get(f"GET {path}", 0))

    def _call(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/_simulator{path}", data=data, method=method)  # noqa: S310  # loopback
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def running(arguments: Sequence[str]) -> Iterator[Simulator]:
    """Start a console with these arguments and end it afterwards."""
    command = [sys.executable, "-m", "sentinelone_simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            announced = json.loads(process.stdout.readline())
            yield Simulator(announced["url"], announced["token"])
        finally:
            process.terminate()
            process.wait(20)


def arguments(**options: object) -> list[str]:
    """Options as arguments: `risks_per_agent=20` is `--risks-per-agent 20`, True a bare flag."""
    given: list[str] = []
    for name, value in options.items():
        if value is False:
            continue
        given.append(f"--{name.replace('_', '-')}")
        if value is not True:
            given.append(str(value))
    return given
