"""Compares the API's description with the one of the last release, and fails where a client would break.

    python tools/contract.py            say what breaks
    python tools/contract.py --renew    take the description of now for the last release's

A release renews it: see CONTRIBUTING.md. What counts as a break is in `breaking.py`.
"""

import argparse
import sys
from pathlib import Path
from typing import Final

import msgspec
from litestar.testing import TestClient

import breaking
from waypost import telemetry
from waypost.api import app
from waypost.connections.vault import Vault
from waypost.sentinelone.address import Allowed
from waypost.storage.database import Database
from waypost.sync.now import Means

RELEASED: Final = Path(__file__).resolve().parent.parent / "contract" / "openapi-v1.json"


def described() -> bytes:
    """The description as the service gives it; it needs no database for that."""
    telemetry.configure("error")
    means = Means(Database(url="", embedded=False), Vault(bytes(32)), Allowed.parse(""))
    with TestClient(app.create(means)) as client:
        return client.get("/api/v1/openapi.json").raise_for_status().content


def main() -> int:
    """Compare, or renew what is compared with."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--renew", action="store_true", help="a release was made: take what is there now")
    now = described()
    if parser.parse_args().renew:
        RELEASED.parent.mkdir(exist_ok=True)
        RELEASED.write_bytes(msgspec.json.format(now, indent=1) + b"\n")
        return 0
    old = msgspec.json.decode(RELEASED.read_bytes())
    broken = list(dict.fromkeys(breaking.breaks(old, msgspec.json.decode(now))))
    for told in broken:
        print(told, file=sys.stderr)
    if broken:
        print("The API would break its clients; see CONTRIBUTING.md.", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
