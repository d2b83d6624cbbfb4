"""Whatever a provider answers: no error but ours, nothing archived that is no original, every other video archived,
nothing secret anywhere, and an end."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from cloud_sync_common.exceptions import CloudSyncError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.provider_interface import Credentials, Filters, MediaItem, Provider
from cloud_sync_common.providers import PROVIDERS, get
from hypothesis import strategies as st

from tests.integration.aws_on_loopback import ARCHIVE
from tests.integration.fuzzing.answers import Body, Cut, Fault, Header, Json, Status
from tests.integration.fuzzing.dropbox import fuzzed_dropbox
from tests.integration.fuzzing.examples import EXAMPLES, examples, faults
from tests.integration.fuzzing.google_drive import fuzzed_google_drive
from tests.integration.fuzzing.gopro import fuzzed_gopro
from tests.integration.fuzzing.harness import Fuzzed, Maker, fuzzed
from tests.integration.fuzzing.night import Desk, World, worlds
from tests.integration.secret_check import assert_no_secret

FUZZED: dict[str, Maker] = {
    "dropbox": fuzzed_dropbox,
    "google_drive": fuzzed_google_drive,
    "gopro": fuzzed_gopro,
}
NIGHTS, ANSWERS = 0.2 / len(PROVIDERS), 0.8 / len(PROVIDERS)  # of all examples, for each provider
MOST_PAGES = 50

type NewWorld = Callable[..., World]
_IN_TIME = pytest.mark.timeout(1800 if EXAMPLES <= 1000 else 0)
_EACH_PROVIDER = pytest.mark.parametrize("provider", sorted(PROVIDERS))


@contextmanager
def _account(provider: str, folder: Path) -> Iterator[tuple[Fuzzed, NewWorld]]:
    with fuzzed(provider, FUZZED, folder / provider) as account, worlds(account) as new_world:
        yield account, new_world


@_EACH_PROVIDER
@_IN_TIME
def test_a_night_with_odd_answers_loses_mixes_and_leaks_nothing(provider: str, tmp_path: Path) -> None:
    with _account(provider, tmp_path) as (account, new_world):

        def judge(faults: tuple[Fault, ...], oauth: bool) -> None:
            _judge(new_world(), faults, oauth)

        examples(NIGHTS, judge, faults=faults(account.places), oauth=st.booleans())


def _judge(world: World, faults: tuple[Fault, ...], oauth: bool) -> None:
    """One night with the faults, and one without."""
    account = world.desk.account
    is_renewed = oauth or any(fault.place.endpoint == "token" for fault in faults)
    credentials = account.oauth if is_renewed else account.session
    night = world.night(faults, credentials)
    met = {fault.place.about for fault in world.desk.struck}
    passing = all(map(_is_over_in_a_moment, world.desk.struck))
    if _concern_one_video(world.desk.struck) or passing:
        assert night.end == "SUCCEEDED", f"the night ended with {night.end}: {night.cause}"
    for media_id in account.originals:
        concerned = not passing and (media_id in met or not _concern_one_video(world.desk.struck))
        assert concerned or world.is_archived(media_id), f"{media_id} is {world.status(media_id)} {night.errors}"
    again = world.night((), credentials if night.end == "CredentialsExpiredError" else None)
    assert again.end == "SUCCEEDED", f"the night after ended with {again.end}: {again.cause}"
    for media_id in account.originals:
        assert world.is_archived(media_id), f"{media_id} is {world.status(media_id)} in the night after {again.errors}"


def _concern_one_video(struck: list[Fault]) -> bool:
    """Whether every fault is about one video. What holds for the bytes or the links of several may be a changed API."""
    asked_for = {fault.place.about for fault in struck if fault.place.endpoint in ("links", "file")}
    return len(asked_for) <= 1 and all(fault.place.about for fault in struck)


def _is_over_in_a_moment(fault: Fault) -> bool:
    """Whether nothing of a fault is left when the same is asked for again, and whether it is no word of the provider's
    that has to be believed at once: that a video is gone, or that the token is not accepted."""
    if fault.times is None:
        return False
    match fault.change:
        case Json():  # what a row or a link says has to be believed until it says something else
            return fault.place.endpoint in ("user", "totals")
        case Status(status=status):
            believed = {"links": {404}, "file": {404}, "user": {401, 403}, "token": {400, 401, 403}}
            return status not in believed.get(fault.place.endpoint, ())
        case Body() | Header() | Cut():
            return True


@_EACH_PROVIDER
@_IN_TIME
def test_an_odd_answer_is_our_error_or_plain_values(provider: str, tmp_path: Path) -> None:
    with _account(provider, tmp_path) as (account, new_world):
        desk, client = new_world().desk, _provider(account)

        def judge(faults: tuple[Fault, ...]) -> None:
            desk.expect(faults)
            _call_everything(client, desk)

        places = [place for place in account.places if place.endpoint != "file"]
        examples(ANSWERS, judge, faults=faults(places))


def _provider(account: Fuzzed) -> Provider:
    return get(account.name, dict.fromkeys(PROVIDERS[account.name].base_urls, account.base_url))


def _call_everything(provider: Provider, desk: Desk) -> None:
    """Every method of a provider; what it logs, raises and returns has no secret in it."""
    account, log = desk.account, io.StringIO()
    texts: list[str] = []

    def called[T](call: Callable[[], T]) -> T | None:
        try:
            return call()
        except CloudSyncError as error:
            texts.append(f"{type(error).__name__}: {error}")
            return None

    stream, logger.registered_handler.stream = logger.registered_handler.stream, log
    try:
        session, oauth = Credentials(**account.session), Credentials(**account.oauth)
        called(lambda: provider.validate(session))
        called(lambda: provider.refresh(oauth))
        items = _listed(provider, str(session.access_token), called)
        for item in items.values():
            for source in called(lambda item=item: provider.sources(str(session.access_token), item)) or ():
                assert 1 <= source.file_number <= source.file_count
                texts.append(repr(source))
    finally:
        logger.registered_handler.stream = stream
    assert_no_secret("\n".join((*texts, log.getvalue())), account.secrets())


def _listed(provider: Provider, token: str, called: Callable[..., object]) -> dict[str, MediaItem]:
    """The items of a listing, each of which fits into the state and the manifest. It has an end."""
    found: dict[str, MediaItem] = {}
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = called(lambda cursor=cursor: provider.list_media(token, cursor, Filters()))
        if page is None:
            return found
        encoded = msgspec.json.encode(page)
        assert msgspec.json.decode(encoded, type=type(page)) == page
        found |= {item.media_id: item for item in page.items}
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the listing has no end")


@_EACH_PROVIDER
def test_another_byte_in_the_archive_is_noticed(provider: str, tmp_path: Path) -> None:
    with _account(provider, tmp_path) as (account, new_world):
        world = new_world()
        world.night((), account.session)
        row = next(row for row in world.rows() if row["sk"].startswith("SOURCE#"))
        content = world.aws.read(row["key"])
        world.aws.s3.put_object(Bucket=ARCHIVE, Key=row["key"], Body=content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(AssertionError, match="no original of it"):
            world.night()


@_EACH_PROVIDER
def test_a_provider_without_a_fuzzed_account_fails(provider: str, tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"{provider} is not fuzzed"):
        fuzzed(provider, {}, tmp_path)


@_EACH_PROVIDER
def test_the_quick_table_keeps_what_dynamodb_keeps(provider: str, tmp_path: Path) -> None:
    with _account(provider, tmp_path) as (account, new_world):
        kept = []
        for quick in (True, False):
            world = new_world(quick=quick)
            assert [world.night((), account.oauth).end, world.night().end] == ["SUCCEEDED"] * 2
            rows = sorted(world.rows(), key=lambda row: (row["pk"], row["sk"]))
            kept.append([{name: _lasting(name, value) for name, value in row.items()} for row in rows])
        assert kept[0] == kept[1] and len(kept[0]) > len(account.originals)


def _lasting(name: str, value: object) -> object:
    """A value, unless it is another in every night."""
    is_other = name.endswith("_at") or name in (
        "first_seen",
        "upload_id",
        "lease_owner",
        "key",
        "seen_version",
        "since",
        "usd",
        "lease_expires",
        "run_gb_seconds",
    )
    return ... if is_other else value
