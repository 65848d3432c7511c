"""The other side of `first_pull`: the same lists from the same console into the same server, by dlt.

Its REST API source, told what its documentation tells: one resource a list, the cursor from the body, pages
of 1,000, merge on the id. For speed, what its documentation recommends for this destination: CSV files loaded
by COPY, no compression of intermediate files, files small enough for the workers to share, a worker a core;
nested values stay in their row as JSON, as they do in Waypost. Of its merge strategies the faster one.

Reads CONSOLE_URL, CONSOLE_TOKEN and DATABASE_URL, prints one line of JSON. Runs with the Python that has dlt.
"""

import argparse
import json
import os
import pathlib
import resource
import tempfile
import time
from typing import Any

SIDE_BY_SIDE = 5
EVERY_STATE = {"states": "active,expired,deleted"}
LISTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "accounts": ("accounts", "data", EVERY_STATE),
    "sites": ("sites", "data.sites", EVERY_STATE),
    "groups": ("groups", "data", {}),
    "agents": ("agents", "data", {"isDecommissioned": "True,False", "isUninstalled": "True,False"}),
    "risks": ("application-management/risks", "data", {"skipCount": "true"}),
}
"""Path, where the rows are, parameters: those that Waypost sends."""


PLAIN = "delete-insert", "insert_values"
FAST = "upsert", "csv"
"""Merge strategy and file format: dlt's defaults, and the fastest of those that it has."""

FOR_SPEED = {
    "EXTRACT__WORKERS": str(SIDE_BY_SIDE),
    "EXTRACT__MAX_PARALLEL_ITEMS": str(2 * SIDE_BY_SIDE),
    "NORMALIZE__WORKERS": str(os.cpu_count() or 1),
    "DATA_WRITER__DISABLE_COMPRESSION": "true",
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
    "DATA_WRITER__BUFFER_MAX_ITEMS": "10000",
    "DATA_WRITER__FILE_MAX_ITEMS": "20000",
}


def settings(folder: str) -> dict[str, str]:
    """What dlt reads from the environment in any case."""
    return {"DLT_DATA_DIR": folder, "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}


def configuration(url: str, token: str, strategy: str) -> Any:  # Any: a dict as the source's docs have it
    return {
        "client": {
            "base_url": f"{url}/web/api/v2.1/",
            "headers": {"Authorization": f"ApiToken {token}"},
            "paginator": {
                "type": "cursor",
                "cursor_path": "pagination.nextCursor",
                "cursor_param": "cursor",
            },
        },
        "resource_defaults": {
            "primary_key": "id",
            "write_disposition": {"disposition": "merge", "strategy": strategy},
            "max_table_nesting": 0,
            "parallelized": True,
            "endpoint": {"params": {"limit": 1000, "sortBy": "id", "sortOrder": "asc"}},
        },
        "resources": [
            {"name": name, "endpoint": {"path": path, "data_selector": rows, "params": params}}
            for name, (path, rows, params) in LISTS.items()
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--as-it-comes", action="store_true", help="with nothing done for speed")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-dlt-") as folder:
        os.environ.update(settings(folder))
        if not given.as_it_comes:
            os.environ.update(FOR_SPEED)
        strategy, file_format = PLAIN if given.as_it_comes else FAST
        print(json.dumps(run(folder, strategy, file_format)))


def run(folder: str, strategy: str, file_format: str) -> dict[str, Any]:
    import dlt  # noqa: PLC0415  # reads the environment when it is imported
    from dlt.sources.rest_api import rest_api_source  # noqa: PLC0415

    pipeline = dlt.pipeline(
        pipeline_name="console",
        pipelines_dir=str(pathlib.Path(folder) / "pipelines"),
        destination=dlt.destinations.postgres(os.environ["DATABASE_URL"]),
        dataset_name="console",
    )
    source = rest_api_source(configuration(os.environ["CONSOLE_URL"], os.environ["CONSOLE_TOKEN"], strategy))
    steps = {}
    began = time.monotonic()
    for name, work in (
        ("extract", lambda: pipeline.extract(source, loader_file_format=file_format)),
        ("normalize", pipeline.normalize),
        ("load", pipeline.load),
    ):
        start = time.monotonic()
        work()
        steps[name] = round(time.monotonic() - start, 3)
    seconds = time.monotonic() - began
    with pipeline.sql_client() as sql:
        counted = {name: sql.execute_sql(f"SELECT count(*) FROM {name}") for name in LISTS}
    rows = {name: int(answer[0][0]) if answer else 0 for name, answer in counted.items()}
    return {
        "dlt": dlt.__version__,
        "rows": sum(rows.values()),
        "tables": rows,
        "seconds": round(seconds, 3),
        "steps": steps,
        "strategy": strategy,
        "format": file_format,
        "max_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


if __name__ == "__main__":
    main()
