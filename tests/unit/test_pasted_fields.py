"""What people paste into the secret: harmless surroundings are trimmed, the rest is named and never quoted."""

from __future__ import annotations

import io
import json
import time
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from cloud_sync_common import safe_text
from cloud_sync_common.exceptions import ConfigurationError
from cloud_sync_common.logging_utils import logger
from cloud_sync_common.safe_text import BLANK, redact
from cloud_sync_common.stores.credential_store import CredentialStore
from hypothesis import given
from hypothesis import strategies as st

TOKEN = "eyJhbGciOiJSU0EtT0FFUCJ9.c2VjcmV0.aXY.Y2lwaGVy.dGFn"
OAUTH = {"refresh_token": TOKEN, "client_id": "client-id-000", "client_secret": "client-secret-000", "user_id": "user"}
NAMES = ["access_token", "refresh_token", "client_id", "client_secret", "user_id"]


class Secrets:
    """Secrets Manager with one version of one secret."""

    def __init__(self, text: str) -> None:
        self.answer: dict[str, str | bytes] = {"SecretString": text}

    def get_secret_value(self, **_: str) -> dict[str, Any]:
        return {"VersionId": "v1", "CreatedDate": datetime(2026, 1, 1, tzinfo=UTC), **self.answer}


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    monkeypatch.setattr(safe_text, "_secrets", safe_text._Secrets())
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    return written


def store(value: object) -> CredentialStore:
    text = value if isinstance(value, str) else json.dumps(value)
    return CredentialStore(cast(Any, Secrets(text)), "gopro/credentials", "gopro")


AROUND = ["\n", "\r\n", " ", "\t", "\u200b", "\ufeff", "\u00a0", "\u2028", "“", "”", "‘", '"', "'", "«", "\u202a"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("around", AROUND)
def test_what_stands_around_a_pasted_value_is_trimmed(name: str, around: str) -> None:
    given_value = OAUTH | {"access_token": TOKEN}
    found = store(given_value | {name: f"{around}{given_value[name]} {around}\n"}).load()
    assert getattr(found, name) == given_value[name]


@given(before=st.lists(st.sampled_from(AROUND)), after=st.lists(st.sampled_from(AROUND)))
def test_any_mixture_around_a_token_is_trimmed(before: list[str], after: list[str]) -> None:
    assert store({"access_token": "".join((*before, TOKEN, *after))}).load().access_token == TOKEN


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("\n", "line break"),
        ("\r\n   ", "line break"),
        ("…", "shortened"),
        ("\u200b", r"U\+200B"),
        ("”", r"U\+201D"),
        ("é", r"U\+00E9"),
        ("\x00", r"U\+0000"),
        ("\u2028", "line break"),
    ],
)
def test_what_cannot_be_part_of_a_value_is_named_with_its_field(
    lines: io.StringIO, name: str, inside: str, said: str
) -> None:
    broken = f"{TOKEN[:20]}{inside}{TOKEN[20:]}"
    with pytest.raises(ConfigurationError, match=f"'{name}' in the secret gopro/credentials has .*{said}") as failure:
        store(OAUTH | {"access_token": TOKEN, name: broken}).load()
    sentence = str(failure.value)
    logger.info(f"sent {broken} and {TOKEN[20:]}")
    for part in (TOKEN[:20], TOKEN[20:], TOKEN[25:40]):
        assert part not in sentence and (part not in lines.getvalue() or name == "user_id")


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_a_space_within_a_token_is_named(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{name}'.*white space"):
        store(OAUTH | {name: f"{TOKEN} {TOKEN}"}).load()


def test_a_line_break_that_json_does_not_allow_is_named_too() -> None:
    text = json.dumps({"access_token": "first-half-SECOND-half"}).replace("SECOND", "\n")
    with pytest.raises(ConfigurationError, match=r"'access_token'.*line break"):
        store(text).load()


@pytest.mark.parametrize("name", ["provider", "note", "accesstoken"])
def test_a_token_in_the_wrong_field_is_quoted_nowhere(lines: io.StringIO, name: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        store({name: TOKEN} if name != "provider" else {"access_token": "x" * 20, name: TOKEN}).load()
    logger.info(f"a message with {TOKEN}")
    assert TOKEN not in str(failure.value) and TOKEN not in lines.getvalue()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TOKEN, "begin with '{'"),
        (f"“access_token”: “{TOKEN}”", "typographic quotes"),
        (f'{{"access_token": “{TOKEN}”}}', "typographic quotes"),
        (f'["{TOKEN}"]', "JSON object"),
    ],
)
def test_a_secret_that_is_no_json_object_says_why_and_is_quoted_nowhere(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as failure:
        store(text).load()
    assert TOKEN[:12] not in str(failure.value) and redact(f"x {TOKEN} x") == f"x {BLANK} x"


def test_a_byte_order_mark_before_the_object_is_nothing() -> None:
    assert store("\ufeff" + json.dumps({"access_token": TOKEN}) + "\r\n").load().access_token == TOKEN


def test_neither_the_user_nor_the_provider_counts_as_a_secret() -> None:
    store({"access_token": TOKEN, "user_id": "user-0000001", "provider": "gopro"}).load()
    assert redact("user-0000001 of gopro") == "user-0000001 of gopro"


def test_a_field_that_holds_only_quotes_is_missing() -> None:
    with pytest.raises(ConfigurationError, match="neither 'refresh_token' nor 'access_token'"):
        store({"access_token": '""'}).load()


def test_a_text_of_nothing_but_brackets_is_refused_like_every_other_that_is_no_object() -> None:
    with pytest.raises(ConfigurationError, match="gopro/credentials"):
        CredentialStore(cast(Any, Secrets("[" * 60_000)), "gopro/credentials", "gopro").load()


MORE_THAN_A_TOKEN = [
    f"Bearer {TOKEN}",
    f"Bearer%20{TOKEN}",
    f"Authorization: Bearer {TOKEN}",
    f"gp_access_token={TOKEN}",
    f"gp_access_token={TOKEN};",
    f"session=1; gp_access_token={TOKEN}; gp_user_id=7",
    f"Set-Cookie: gp_access_token={TOKEN}; Path=/; Domain=.gopro.com; Secure",
    f"{TOKEN};",
    f"{TOKEN},",
    f'{TOKEN}",',
    f"{TOKEN}\\n",
    f"{TOKEN}%3D%3D",
    f"&quot;{TOKEN}&quot;",
    f'{{"access_token":"{TOKEN}"}}',
    f"https://gopro.com/login?access_token={TOKEN}",
    "<paste the token here>",
]


@pytest.mark.parametrize("pasted", MORE_THAN_A_TOKEN)
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_what_is_more_than_a_token_is_refused_with_the_name_of_its_field(pasted: str, name: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        store(OAUTH | {name: pasted}).load()
    sentence = redact(str(failure.value))
    assert f"The field '{name}' in the secret gopro/credentials has " in sentence
    assert "Copy it again, without what stands around it." in sentence
    assert redact(f"x {TOKEN} x") == f"x {BLANK} x" or "paste" in pasted


@pytest.mark.parametrize(
    ("pasted", "what"),
    [(f"gp_access_token={TOKEN}", "'token='"), (f"{TOKEN} {TOKEN}", "white space"), (f"{TOKEN};x", "';'")],
)
def test_what_stands_around_a_token_is_named(pasted: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=f"has {what} in it, so it is more than the token"):
        store(OAUTH | {"refresh_token": pasted}).load()


# What is pasted with a token, and what the log says of a healthy run.
OURS = (
    "upload of a part for the session of gopro.com: public download, renewed by media_library; access_token, "
    "refresh_token, client_id, client_secret, user_id, gp_access_token; aws secretsmanager put-secret-value "
    "--secret-id gopro/credentials --secret-string at 2026-11-26T15:52:38Z"
)
COOKIE = {"name": "gp_access_token", "value": TOKEN, "domain": ".gopro.com", "path": "/", "sameSite": "unspecified"}
PASTED_WITH_WORDS = [
    OAUTH | {"access_token": TOKEN, "token_type": "bearer", "expires_in": 86399, "scope": "root public upload session"},
    {"access_token": TOKEN, "note": "from my session at gopro.com, for the download; renewed 2026-11-26T15:30:00Z"},
    {"access_token": f"gp_access_token={TOKEN}", "comment": "client_secret of media_library"},
    COOKIE,
    [COOKIE],
    f"{{“access_token”: “{TOKEN}”, “client_id”: “none”}}",
    f"{{access_token:{TOKEN}}}",
    f"{{'access_token': '{TOKEN}'}}",
    f"gp_access_token: {TOKEN}\ngp_user_id: 7",
    f"ACCESS_TOKEN={TOKEN}",
    "aws secretsmanager put-secret-value --secret-id gopro/credentials --secret-string "
    f'\'{{"access_token": "{TOKEN}"}}\'',
    {TOKEN: "access_token"},
    {"access_token": "x" * 20, "user_id": TOKEN},
]


@pytest.mark.parametrize("pasted", PASTED_WITH_WORDS)
def test_the_words_around_a_secret_stay_readable_and_the_secret_does_not(pasted: object) -> None:
    try:
        store(pasted).load()
        sentence = ""
    except ConfigurationError as error:
        sentence = str(error)
    assert redact(sentence) == sentence and TOKEN not in sentence
    assert redact(OURS) == OURS
    assert redact(f"x {TOKEN} {TOKEN[9:30]} x") == f"x {BLANK} {BLANK} x"


@pytest.mark.parametrize("before", ["\u200b", "\u00a0", "'", "“", "\u202a"])
def test_what_stands_around_the_whole_object_is_nothing(before: str) -> None:
    assert store(before + json.dumps({"access_token": TOKEN}) + before).load().access_token == TOKEN


def test_a_secret_that_was_stored_as_bytes_is_read_as_well() -> None:
    store_of_bytes = store("")
    cast(Any, store_of_bytes)._client.answer = {"SecretBinary": json.dumps({"access_token": TOKEN}).encode()}
    assert store_of_bytes.load().access_token == TOKEN and not store_of_bytes.is_empty


@pytest.mark.parametrize(
    ("said", "meant"),
    [("1700000000", 1.7e9), ('"1700000000"', 1.7e9), ("1700000000.5", 1700000000.5)]
    + [(odd, None) for odd in ("9" * 400, "9" * 5000, "1e400", "NaN", "-1e30", "0", '"soon"', "[]", "1700000000000")],
)
def test_the_end_of_a_token_is_a_time_or_unknown(said: str, meant: float | None) -> None:
    assert store(f'{{"access_token": "{TOKEN}", "expires_at": {said}}}').load().expires_at == meant


def test_an_id_may_be_a_number_and_the_provider_in_capitals() -> None:
    found = store(OAUTH | {"user_id": 12345, "client_id": 123456789, "provider": " GoPro "}).load()
    assert (found.user_id, found.client_id) == ("12345", "123456789")


def test_a_pasted_page_makes_no_line_slow() -> None:
    with pytest.raises(ConfigurationError):
        store(" ".join(f"{n:08x}" for n in range(7_000_000, 7_007_000))).load()
    begin = time.process_time()
    redact("a line of a usual length, " * 12)
    assert time.process_time() - begin < 0.1


def test_a_secret_that_is_to_be_deleted_can_be_restored_and_the_sentence_says_how() -> None:
    class Deleted(Secrets):
        def get_secret_value(self, **_: str) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": "InvalidRequestException", "Message": "x"}}, "GetSecretValue")

    with pytest.raises(ConfigurationError, match="restore-secret --secret-id gopro/credentials"):
        CredentialStore(cast(Any, Deleted("")), "gopro/credentials", "gopro").load()
