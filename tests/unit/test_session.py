"""One refusal is no proof: the token is believed by /media/user, and the API is changed when it is so for several."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest
from cloud_sync_common.exceptions import (
    CloudSyncError,
    CredentialsExpiredError,
    MediaNotFoundError,
    OriginalUnavailableError,
    ProviderContractError,
    ProviderThrottledError,
    ProviderUnavailableError,
)
from cloud_sync_common.provider_access.session import LISTING_ATTEMPTS, NEIGHBOURS, SOURCES_ATTEMPTS, AuthorisedSession
from cloud_sync_common.provider_interface import Credentials, Filters, MediaItem, MediaPage, MediaSource

from tests.unit.doubles import Account, Lease, Store, session_of

SESSION = Credentials(provider="gopro", access_token="session-0", version="v")
REFUSED = CredentialsExpiredError("the token is refused")
CHANGED = ProviderContractError("The answer has the status 451: its API is no longer the one that ...")
CLIPS = tuple(MediaItem(media_id=f"clip-{number}", filename="x.mp4") for number in range(6))


@dataclass
class Library(Account):
    """`trouble_of` gives the error of a video's links, by its id and the number of times that it was asked for."""

    trouble_of: Callable[[str, int], Exception | None] = lambda *_: None
    items: tuple[MediaItem, ...] = CLIPS
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pages = lambda _: MediaPage(items=self.items, total=len(self.items))

    def sources(self, token: str, item: MediaItem) -> list[MediaSource]:
        assert token == SESSION.access_token
        self.asked.append(item.media_id)
        if trouble := self.trouble_of(item.media_id, self.asked.count(item.media_id)):
            raise trouble
        return [MediaSource(1, item.filename)]


def session(library: Library, lease: Lease | None = None) -> AuthorisedSession:
    return session_of(library, Store(SESSION), lease or Lease())


def once(error: Exception, media_id: str = "clip-0") -> Callable[[str, int], Exception | None]:
    return lambda asked, time: error if asked == media_id and time == 1 else None


def always(error: Exception, *media_ids: str) -> Callable[[str, int], Exception | None]:
    return lambda asked, _: error if not media_ids or asked in media_ids else None


@pytest.mark.parametrize("error", [REFUSED, CHANGED])
def test_what_was_refused_once_is_asked_for_again(error: CloudSyncError) -> None:
    library, lease = Library(trouble_of=once(error)), Lease()
    assert len(session(library, lease).sources(CLIPS[0])) == 1
    assert (library.asked, lease.refused) == (["clip-0"] * 2, "")
    assert library.validations == (error is REFUSED)


def test_a_token_that_the_check_refuses_too_is_noted_and_not_tried_again() -> None:
    library, lease = Library(trouble_of=always(REFUSED), trouble=[REFUSED]), Lease()
    with pytest.raises(CredentialsExpiredError):
        session(library, lease).sources(CLIPS[0])
    assert (library.asked, library.listed, lease.refused) == (["clip-0"], [], SESSION.version)


def test_a_check_that_refuses_once_says_nothing_of_the_token() -> None:
    doubtful = CredentialsExpiredError("refused, and nobody says by whom", doubtful=True)
    library, lease = Library(trouble_of=once(REFUSED), trouble=[doubtful]), Lease()
    assert len(session(library, lease).sources(CLIPS[0])) == 1
    assert (library.validations, lease.refused) == (2, "")
    library = Library(trouble_of=once(REFUSED), trouble=[doubtful] * 2)
    with pytest.raises(CredentialsExpiredError):
        session(library, lease).sources(CLIPS[0])
    assert (library.validations, lease.refused) == (2, SESSION.version)


def test_a_video_that_is_missing_once_is_asked_for_again() -> None:
    library = Library(trouble_of=once(MediaNotFoundError("404")))
    assert len(session(library).sources(CLIPS[0])) == 1
    library = Library(trouble_of=always(MediaNotFoundError("404")))
    with pytest.raises(MediaNotFoundError):
        session(library).sources(CLIPS[0])
    assert library.asked == ["clip-0"] * 2


@pytest.mark.parametrize(("error", "reason"), [(REFUSED, "although it accepts the token"), (CHANGED, "the status 451")])
def test_a_video_that_alone_is_always_refused_fails_alone(error: CloudSyncError, reason: str) -> None:
    library, lease = Library(trouble_of=always(error, "clip-0")), Lease()
    with pytest.raises(OriginalUnavailableError, match=reason):
        session(library, lease).sources(CLIPS[0])
    assert library.asked == ["clip-0"] * SOURCES_ATTEMPTS + ["clip-1"] and lease.refused == ""


@pytest.mark.parametrize("error", [REFUSED, CHANGED])
def test_what_holds_for_several_videos_concerns_the_token_or_the_api(error: CloudSyncError) -> None:
    library, lease = Library(trouble_of=always(error)), Lease()
    with pytest.raises(type(error)):
        session(library, lease).sources(CLIPS[0])
    assert set(library.asked) == {f"clip-{number}" for number in range(1 + NEIGHBOURS)}
    assert lease.refused == (SESSION.version if error is REFUSED else "")


def test_several_new_videos_that_are_refused_alike_do_not_stop_the_older_ones() -> None:
    clips = tuple(MediaItem(media_id=f"clip-{number}", filename="x.mp4") for number in range(50))
    new = {clip.media_id for clip in clips[:10]}
    library = Library(trouble_of=lambda asked, _: REFUSED if asked in new else None, items=clips)
    with pytest.raises(OriginalUnavailableError, match="although it accepts the token"):
        session(library).sources(clips[3])


@pytest.mark.parametrize("other", [MediaNotFoundError("x"), OriginalUnavailableError("x")])
def test_a_neighbour_that_is_gone_is_an_answer_too(other: CloudSyncError) -> None:
    library = Library(trouble_of=lambda asked, _: CHANGED if asked == "clip-0" else other)
    with pytest.raises(OriginalUnavailableError, match="451"):
        session(library).sources(CLIPS[0])


def test_a_busy_provider_says_nothing_of_the_api() -> None:
    busy = ProviderUnavailableError("busy")
    library = Library(trouble_of=lambda asked, _: CHANGED if asked == "clip-0" else busy)
    with pytest.raises(ProviderUnavailableError):
        session(library).sources(CLIPS[0])


def test_the_only_video_of_a_library_fails_alone() -> None:
    library = Library(trouble_of=always(CHANGED), items=CLIPS[:1])
    with pytest.raises(OriginalUnavailableError, match="451"):
        session(library).sources(CLIPS[0])


def test_the_neighbours_are_listed_once_for_all_videos_that_are_refused() -> None:
    library = Library(trouble_of=always(CHANGED, "clip-0", "clip-1", "clip-2"))
    asking = session(library)
    for clip in CLIPS[:3]:
        with pytest.raises(OriginalUnavailableError):
            asking.sources(clip)
    assert library.listed == [None]


@pytest.mark.parametrize("error", [CHANGED, REFUSED])
def test_an_odd_answer_to_the_listing_is_asked_for_again(error: CloudSyncError) -> None:
    library = Library(trouble=[error])
    assert session(library).list_media(None, Filters()).total == len(CLIPS)
    assert library.listed == [None, None]


def test_an_api_is_changed_when_it_stays_so() -> None:
    library = Library(trouble=[CHANGED] * LISTING_ATTEMPTS)
    with pytest.raises(ProviderContractError):
        session(library).list_media(None, Filters())
    assert len(library.listed) == LISTING_ATTEMPTS


def test_between_two_questions_is_a_wait() -> None:
    waits: list[float] = []
    library = Library(trouble=[CHANGED, ProviderThrottledError("x", 7.0), CHANGED])
    patient = AuthorisedSession(library, Store(SESSION), Lease(), session(library).deadline, waits.append)  # type: ignore[arg-type]
    assert patient.list_media(None, Filters()).total == len(CLIPS)
    assert len(waits) == 3 and waits[1] == 7.0 and all(0 <= wait <= 8 for wait in waits)


@pytest.mark.parametrize(("token", "refused"), [(None, ""), ("session-0", "v")])
def test_without_a_token_or_with_one_that_is_refused_nothing_is_asked(token: str | None, refused: str) -> None:
    library = Library()
    asking = session_of(library, Store(replace(SESSION, access_token=token)), Lease(refused=refused))
    with pytest.raises(CredentialsExpiredError, match="no stored access token"):
        asking.require_usable_token()
    assert library.asked == library.listed == []


def test_a_token_whose_earlier_version_was_refused_is_usable() -> None:
    session(Library(), Lease(refused="an earlier one")).require_usable_token()


def test_threads_that_begin_together_read_the_credentials_and_what_was_refused_once() -> None:
    together, looked_up = threading.Barrier(8), list[str]()

    class Noting(Lease):
        def refused_version(self) -> str:
            looked_up.append("v")
            return super().refused_version()

    store = Store(SESSION)
    shared = session_of(Library(), store, Noting())

    def begin(item: MediaItem) -> int:
        together.wait(10)
        shared.require_usable_token()
        return len(shared.sources(item))

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(begin, [*CLIPS, *CLIPS[:2]])) == [1] * 8
    assert (store.loads, len(looked_up)) == (1, 1)


def test_each_kind_of_call_is_tried_so_often_and_no_oftener() -> None:
    busy = ProviderUnavailableError("busy")
    library = Library(trouble=[busy] * 9)
    with pytest.raises(ProviderUnavailableError):
        session(library).list_media(None, Filters())
    assert len(library.listed) == 5
    library = Library(trouble_of=always(busy))
    with pytest.raises(ProviderUnavailableError):
        session(library).sources(CLIPS[0])
    assert len(library.asked) == 4


def test_a_token_is_tried_three_times_while_the_check_makes_no_sense() -> None:
    library = Library(trouble_of=once(REFUSED), trouble=[CHANGED] * 9)
    assert len(session(library).sources(CLIPS[0])) == 1  # which says nothing of the token: the video is asked for again
    assert library.validations == 3 and library.asked == ["clip-0"] * 2


def test_an_answer_that_one_neighbour_of_three_gives_is_enough() -> None:
    library = Library(trouble_of=always(CHANGED, "clip-0", "clip-1", "clip-2"))
    with pytest.raises(OriginalUnavailableError):
        session(library).sources(CLIPS[0])
    library = Library(trouble_of=always(CHANGED, "clip-0", "clip-1", "clip-2", "clip-3"))
    with pytest.raises(ProviderContractError):
        session(library).sources(CLIPS[0])


# The same file again


def renewing(library: Library, offered: MediaSource, ended: MediaSource, lease: Lease | None = None) -> MediaSource:
    library.sources = lambda token, item: [offered]  # type: ignore[method-assign]
    return session(library, lease).same_source(CLIPS[0], ended)


SIGNED = MediaSource(1, "x.mp4", url="https://cdn.example/1?s=1")


def test_a_new_link_shows_that_the_token_is_accepted() -> None:
    library = Library()
    fresh = replace(SIGNED, url="https://cdn.example/1?s=2")
    assert renewing(library, fresh, SIGNED) == fresh and library.validations == 0


def test_a_link_that_is_not_new_is_given_while_the_token_is_accepted() -> None:
    library = Library()
    assert renewing(library, SIGNED, SIGNED) == SIGNED and library.validations == 1


def test_a_link_that_is_not_new_because_its_token_has_ended_ends_the_slice_so_that_it_is_renewed() -> None:
    library, lease = Library(trouble=[REFUSED]), Lease()
    with pytest.raises(CredentialsExpiredError):
        renewing(library, SIGNED, SIGNED, lease)
    assert lease.refused == SESSION.version


# One item by itself


def test_an_item_is_found_by_its_id() -> None:
    library = Library(unlisted={"clip-0": CLIPS[0]})
    assert session(library).find("clip-0") == CLIPS[0] and library.asked_for == ["clip-0"]


def test_that_an_item_is_gone_is_believed_when_it_is_said_twice() -> None:
    library = Library()
    assert session(library).find("clip-0") is None and library.asked_for == ["clip-0"] * 2


def test_a_refused_token_says_nothing_of_an_item() -> None:
    library, lease = Library(trouble=[REFUSED, REFUSED]), Lease()
    with pytest.raises(CredentialsExpiredError):
        session(library, lease).find("clip-0")
    assert lease.refused == SESSION.version


def test_what_the_provider_cannot_answer_just_now_is_asked_for_again() -> None:
    library = Library(unlisted={"clip-0": CLIPS[0]}, trouble=[ProviderUnavailableError("busy")])
    assert session(library).find("clip-0") == CLIPS[0] and library.asked_for == ["clip-0"] * 2
