"""Enters changes in the log at a steady rate, as pulls do; some transactions take long. To be killed at any time.

    python write_changes.py DATABASE RATE SEED

The last entry of a short transaction tells when it was made, just before the commit.
"""

import random
import sys
import time

import psycopg
from psycopg.types.json import Jsonb

ENTRY = (
    "INSERT INTO change (connection_id, kind, subject_id, site_id, detail)"
    " SELECT 1, 1, gen_random_uuid(), 1 + (random() * 50)::int, %s FROM generate_series(1, %s)"
)
SESSION = "-c search_path=waypost -c synchronous_commit=off"


def write(url: str, rate: float, chance: random.Random) -> None:
    with psycopg.connect(url, autocommit=True, options=SESSION) as db:
        began, written = time.monotonic(), 0
        while True:
            count = chance.choice((1, 1, 2, 5, 40))
            with db.transaction():
                db.execute(ENTRY, [None, count])
                if is_long := chance.random() < 0.02:
                    time.sleep(chance.random() * 2)
                db.execute(ENTRY, [Jsonb({"at": None if is_long else time.time()}), 1])
            written += count + 1
            time.sleep(max(0.0, written / rate - (time.monotonic() - began)))


if __name__ == "__main__":
    write(sys.argv[1], float(sys.argv[2]), random.Random(int(sys.argv[3])))  # noqa: S311  # no secret
