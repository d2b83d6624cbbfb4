"""The pictures of an item in an authorised session: what is refused for them alone says nothing of the token."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from cloud_sync_common.exceptions import (
    CredentialsExpiredError,
    MediaNotFoundError,
    PictureUnavailableError,
    ProviderUnavailableError,
)
from cloud_sync_common.provider_interface import Credentials, MediaItem, PictureLink

from tests.unit.doubles import Account, Lease, Store, session_of

SESSION = Credentials(provider="gopro", access_token="session-0", version="v")
ITEM = MediaItem(media_id="clip-0", filename="x.mp4")
LINK = PictureLink("provider", "https://pictures.example/1.jpg")
REFUSED = CredentialsExpiredError("the token is refused")


@dataclass
class Gallery(Account):
    """`troubles` come one after the other, before the pictures do."""

    troubles: list[Exception] = field(default_factory=list)
    asked: int = 0

    def pictures(self, token: str, item: MediaItem) -> list[PictureLink]:
        assert (token, item) == (SESSION.access_token, ITEM)
        self.asked += 1
        if self.troubles:
            raise self.troubles.pop(0)
        return [LINK]


@pytest.mark.parametrize("trouble", [REFUSED, ProviderUnavailableError("a moment"), MediaNotFoundError("gone?")])
def test_what_may_pass_is_asked_for_once_more(trouble: Exception) -> None:
    gallery, lease = Gallery(troubles=[trouble]), Lease()
    assert session_of(gallery, Store(SESSION), lease).pictures(ITEM) == [LINK]
    assert (gallery.asked, lease.refused) == (2, "")


def test_a_refusal_of_pictures_alone_is_not_held_against_the_token() -> None:
    gallery, lease = Gallery(troubles=[REFUSED, REFUSED]), Lease()
    with pytest.raises(PictureUnavailableError):
        session_of(gallery, Store(SESSION), lease).pictures(ITEM)
    assert (gallery.asked, lease.refused) == (2, "") and gallery.validations == 2


def test_a_token_that_the_check_refuses_too_is_noted() -> None:
    gallery, lease = Gallery(troubles=[REFUSED], trouble=[REFUSED]), Lease()
    with pytest.raises(CredentialsExpiredError):
        session_of(gallery, Store(SESSION), lease).pictures(ITEM)
    assert (gallery.asked, lease.refused) == (1, SESSION.version)
