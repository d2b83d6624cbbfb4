"""The services of a benchmark's night answer as the real ones do, and count what is asked of them."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.services import Library, Services

LIBRARY = Library((("clip", 60, 5_000_000), ("recording", 3, 400_000_000)), "https://cdn/night")


def asked(services: Services, url: str) -> Any:
    status, body = services.answer("GET", url, {}, b"")
    assert status == 200
    return json.loads(body)


def test_the_pages_of_a_listing_hold_every_video_once_and_in_order() -> None:
    services = Services(LIBRARY)
    pages = [asked(services, f"/media/search?page={page}&per_page=50") for page in (1, 2, 3)]
    ids = [[row["id"] for row in page["_embedded"]["media"]] for page in pages]
    assert [len(found) for found in ids] == [50, 13, 0]
    assert ids[0] + ids[1] == [f"clip-{n:04}" for n in range(1, 61)] + [f"recording-{n:04}" for n in range(1, 4)]
    assert {page["_pages"]["total_items"] for page in pages} == {63}
    assert pages[1]["_embedded"]["media"][-1]["file_size"] == 400_000_000


def test_the_link_of_a_video_leads_to_its_file() -> None:
    answer = asked(Services(LIBRARY), "/media/clip-0007/download")
    (source,) = answer["_embedded"]["variations"]
    assert (source["label"], source["url"]) == ("source", "https://cdn/night/clip-0007.mp4")


def test_requests_are_counted_by_name() -> None:
    services = Services(LIBRARY)
    for url in ("/media/search?page=1&per_page=1", "/media/clip-0001/download", "/media/clip-0002/download"):
        asked(services, url)
    assert services.counts() == {"requests": {"api.search": 1, "api.download": 2}, "units": {}}


def test_a_full_ledger_says_of_every_video_that_it_is_archived() -> None:
    services = Services(Library((("known", 9, 1),), "https://cdn", archived=True))
    headers = {
        "X-Amz-Target": "DynamoDB_20120810.BatchGetItem",
        "Authorization": "AWS4-HMAC-SHA256 Credential=bench/20260101/us-east-1/dynamodb/aws4_request, Signature=0",
    }
    key = {"pk": {"S": "gopro#known-0001"}, "sk": {"S": "ITEM"}}
    body = json.dumps({"RequestItems": {"ledger": {"Keys": [key]}}}).encode()
    _, answer = services.answer("POST", "/", headers, body)
    (row,) = json.loads(answer)["Responses"]["ledger"]
    assert (row["pk"], row["status"], row["media_id"]) == (key["pk"], {"S": "ARCHIVED"}, {"S": "known-0001"})
    assert services.counts()["requests"] == {"dynamodb.BatchGetItem": 1}


def test_a_library_survives_the_way_to_another_process() -> None:
    assert Library.read(LIBRARY.text) == LIBRARY
