"""The table of streams, and the vendor's definition where it is at hand."""

import gzip
import json
import pathlib
from datetime import UTC, datetime
from typing import Any

import pytest

from waypost.sentinelone import pages
from waypost.sync import streams
from waypost.sync.plan import WHOLE, Partition
from waypost.sync.streams import Stream

SWAGGER = pathlib.Path(__file__).resolve().parents[4] / "shared" / "sentinelone" / "swagger-2.1.json.gz"
SINCE = datetime(2026, 11, 21, 8, 30, 0, 5, UTC)
PARTITIONS = (*WHOLE, Partition("account", 5), Partition("site", 7), Partition("device", 9, "PC-1"))
needs_swagger = pytest.mark.skipif(not SWAGGER.exists(), reason=f"the vendor's swagger is not at {SWAGGER}")


@pytest.fixture(scope="module")
def book() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(gzip.decompress(SWAGGER.read_bytes()))
    return content


def asked(stream: Stream) -> list[dict[str, str]]:
    """Every request that a walk of the stream may make, with all that pages and sweeps add."""
    added = {"limit": str(pages.LIMIT), "cursor": "x"}
    partitions = PARTITIONS if stream is streams.RISKS else WHOLE
    requests = [
        stream.request(partition, since) | added for partition in partitions for since in (None, SINCE)
    ]
    if stream is streams.AGENTS:
        requests.append({**stream.params, "ids": "1,2"})
    if stream is streams.RISKS:
        requests.append({**stream.params, "countOnly": "true"})
    return requests


def _defined(book: dict[str, Any], stream: Stream) -> dict[str, dict[str, Any]]:
    operation = book["paths"]["/web/api/v2.1" + stream.path]["get"]
    return {parameter["name"]: parameter for parameter in operation["parameters"]}


@needs_swagger
@pytest.mark.parametrize("stream", streams.IN_ORDER, ids=lambda stream: stream.name)
def test_the_vendor_knows_every_parameter(book: dict[str, Any], stream: Stream) -> None:
    """A console refuses parameters that it does not know, so none is sent that its definition does not name."""
    defined = _defined(book, stream)
    for request in asked(stream):
        assert request.keys() <= defined.keys()


@needs_swagger
@pytest.mark.parametrize("stream", streams.IN_ORDER, ids=lambda stream: stream.name)
def test_the_vendor_knows_every_value(book: dict[str, Any], stream: Stream) -> None:
    """Where the definition lists the values of a parameter, only those are sent."""
    for name, parameter in _defined(book, stream).items():
        allowed = parameter.get("enum") or parameter.get("items", {}).get("enum")
        for request in asked(stream):
            if allowed and name in request:
                assert {value.lower() for value in request[name].split(",")} <= {
                    str(one).lower() for one in allowed
                }


def test_streams_follow_what_they_stand_on() -> None:
    """Each stream comes after those whose rows it needs."""
    assert list(streams.BY_NAME) == ["accounts", "sites", "groups", "agents", "risks"]


def test_a_whole_walk_names_no_scope() -> None:
    """Without a partition everything is asked for that the token sees, in an order that does not change."""
    for stream in streams.IN_ORDER:
        request = stream.request(WHOLE[0], None)
        assert (request["sortBy"], request["sortOrder"]) == ("id", "asc")
        assert not any(name.endswith("Ids") for name in request)


def test_a_partition_names_one_scope() -> None:
    """The console takes one site or one account at a time."""
    assert streams.RISKS.request(Partition("site", 7), None)["siteIds"] == "7"
    assert streams.RISKS.request(Partition("account", 5), None)["accountIds"] == "5"


def test_a_device_is_found_by_its_name() -> None:
    """The console has no filter for a device's id, so its risks are asked for by name."""
    request = streams.RISKS.request(Partition("device", 9, "PC-1"), SINCE)
    assert request["endpointName__contains"] == "PC-1"


@pytest.mark.parametrize("part", PARTITIONS[1:], ids=lambda part: part.scope)
def test_a_part_is_always_read_whole(part: Partition) -> None:
    """What a delta walks besides what changed is walked whole."""
    request = streams.RISKS.request(part, SINCE)
    assert request == streams.RISKS.request(part, None)
    assert "riskUpdatedDate__gte" not in request


def test_a_delta_asks_for_removals_too() -> None:
    """What was removed since would otherwise never be heard of; only a delta asks for it."""
    request = streams.RISKS.request(WHOLE[0], SINCE)
    assert request["riskUpdatedDate__gte"] == "2026-11-21T08:30:00.000005Z"
    assert request["includeRemovals"] == "true"
    assert "includeRemovals" not in streams.RISKS.request(WHOLE[0], None)


def test_streams_without_a_delta_ignore_since_when() -> None:
    """Accounts and sites are few and have no reliable filter: each pull walks them whole."""
    for stream in (streams.ACCOUNTS, streams.SITES):
        assert stream.since_param is None
        assert stream.request(WHOLE[0], SINCE) == stream.request(WHOLE[0], None)


def test_requests_do_not_share_their_parameters() -> None:
    """Changing one request changes no other."""
    streams.RISKS.request(WHOLE[0], SINCE)["sortBy"] = "other"
    assert streams.RISKS.request(WHOLE[0], None)["sortBy"] == "id"
