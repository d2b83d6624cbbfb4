"""The fault matrix: the faults of each case and the outcome that the run must have. docs/reliability.md explains it.

fault_matrix.py runs the cases. These are of GoPro and of AWS, with the items of the demo library; those of the other
providers have files of their own.
"""

from __future__ import annotations

from functools import partial

from local.aws_fault_menu import AwsFaultKind
from local.drive_fault_cases import DRIVE_CASES, DRIVE_QUICK
from local.dropbox_fault_cases import DROPBOX_CASES, DROPBOX_QUICK
from local.fake_providers.fault_menu import Endpoint, FaultKind
from local.fault_case import NEW_CREDENTIALS, WHOLE_LIBRARY, Case, Outcome, dynamodb, fault_of, s3, sns

ID = "65a0f0c2b7e4d1a2c3b4{:04x}".format
PLAIN, TWIN, CHAPTERS, UNNUMBERED, BIG, CLIP = map(ID, (1, 2, 3, 4, 5, 6))

gopro, _case = fault_of, partial(Case, items=(PLAIN, CHAPTERS, BIG))
K, A, E = FaultKind, AwsFaultKind, Endpoint
EXPIRED = "CredentialsExpiredError"
CONTRACT, UNAVAILABLE = "ProviderContractError", "ProviderUnavailableError"

TOKENS = (
    _case("token_dies_while_listing", (gopro(K.ACCESS_TOKEN_DIES, E.SEARCH, times=1, after=1),)),
    _case("token_dies_while_downloading", (gopro(K.ACCESS_TOKEN_DIES, E.DOWNLOAD, times=1, after=1),)),
    _case("session_ends", (gopro(K.ACCESS_TOKEN_DIES, E.DOWNLOAD, times=1, after=1),), Outcome.STOPPED, EXPIRED,
          session=True, then=NEW_CREDENTIALS),
    _case("refresh_returns_less", (gopro(K.NO_ROTATION), gopro(K.NO_OWNER_ID))),
    _case("refresh_is_odd", (gopro(K.RENEWAL_ODD),)),
    _case("refresh_token_blacklisted", (gopro(K.TOKEN_BLACKLISTED),), Outcome.STOPPED, EXPIRED, then=NEW_CREDENTIALS),
    _case("invalid_grant", (gopro(K.INVALID_GRANT, status=401),), Outcome.STOPPED, EXPIRED, then=NEW_CREDENTIALS),
    _case("refresh_answer_lost", (gopro(K.ANSWER_LOST, E.TOKEN, times=1),), Outcome.STOPPED, EXPIRED,
          then=NEW_CREDENTIALS),
)  # fmt: skip

LISTINGS = (
    _case("version_dropped", (gopro(K.CONTRACT_CHANGED, E.SEARCH),), Outcome.STOPPED, CONTRACT),
    _case("type_refused", (gopro(K.CONTRACT_CHANGED, E.DOWNLOAD, status=406),), Outcome.STOPPED, CONTRACT),
    _case("type_unsupported", (gopro(K.CONTRACT_CHANGED, E.SEARCH, status=415),), Outcome.STOPPED, CONTRACT),
    _case("short_page", (gopro(K.SHORT_PAGE, times=4, rows=3),)),
    _case("pages_always_short", (gopro(K.SHORT_PAGE, rows=3),), Outcome.STOPPED, UNAVAILABLE),
    _case("upload_between_pages", (gopro(K.INSERT_ITEM, E.SEARCH, times=1, after=2),), items=WHOLE_LIBRARY),
    _case("odd_rows",
          (gopro(K.FILENAME_NULL, item=PLAIN), gopro(K.FILENAME_EMPTY, item=CHAPTERS),
           gopro(K.FILE_SIZE_NULL, item=BIG), gopro(K.FILE_SIZE_STRING, item=TWIN),
           gopro(K.FILE_SIZE_STALE, item=CLIP)),
          items=(PLAIN, CHAPTERS, BIG, TWIN, CLIP)),
    _case("state_unknown", (gopro(K.STATE_UNKNOWN, item=PLAIN),), Outcome.LEFT, affected=(PLAIN,)),
    _case("type_unknown", (gopro(K.TYPE_UNKNOWN, item=PLAIN),)),
    _case("one_filename", (gopro(K.SAME_FILENAME),), items=(PLAIN, TWIN, CHAPTERS, BIG)),
    _case("names_in_other_scripts", (gopro(K.SAME_FILENAME, value="Ночь 日本 שלום 🏔.MP4"),)),
    _case("names_with_line_breaks", (gopro(K.SAME_FILENAME, value="GX01\u2028\u0085\n0001.MP4"),)),
    _case("edge_blocks_a_moment", (gopro(K.EDGE_BLOCKED, times=2),)),
    _case("edge_blocks_for_good", (gopro(K.EDGE_BLOCKED, E.SEARCH),), Outcome.STOPPED, UNAVAILABLE),
    _case("api_throttles_a_moment", (gopro(K.THROTTLED, E.SEARCH, times=2, retry_after=0),
                                     gopro(K.THROTTLED, E.DOWNLOAD, times=2))),
    _case("api_asks_for_an_hour", (gopro(K.THROTTLED, E.SEARCH, retry_after=3600),), Outcome.STOPPED,
          "ProviderThrottledError"),
    _case("api_fails_a_moment", (gopro(K.SERVER_ERROR, E.SEARCH, times=2), gopro(K.SERVER_ERROR, E.DOWNLOAD, times=2))),
    _case("api_answers_are_lost", (gopro(K.ANSWER_LOST, E.SEARCH, times=2), gopro(K.ANSWER_LOST, E.DOWNLOAD, times=2))),
    _case("gateway_answers_a_moment",
          (gopro(K.GATEWAY_ANSWER, E.SEARCH, times=1, status=202, body=""),
           gopro(K.GATEWAY_ANSWER, E.SEARCH, times=1, after=1),
           gopro(K.GATEWAY_ANSWER, E.DOWNLOAD, times=1, status=405, body=""),
           gopro(K.GATEWAY_ANSWER, E.TOKEN, times=1, body='{"access_'))),
    _case("gateway_answers_for_good", (gopro(K.GATEWAY_ANSWER, E.SEARCH),), Outcome.STOPPED, CONTRACT),
    _case("byte_order_marks", (gopro(K.BYTE_ORDER_MARK),)),
    _case("odd_values", (gopro(K.ROW_ODD, item=PLAIN),)),
    _case("listed_twice", (gopro(K.ROW_REPEATED, item=PLAIN),)),
    _case("api_stalls", (gopro(K.STALL, E.SEARCH, times=1),)),
)  # fmt: skip

DOWNLOADS = (
    _case("chapters_numbered", (gopro(K.CHAPTERS_NUMBERED),), items=(CHAPTERS, UNNUMBERED)),
    _case("chapters_unnumbered", (gopro(K.CHAPTERS_UNNUMBERED),), items=(CHAPTERS, UNNUMBERED)),
    _case("lenses_in_another_order",
          (gopro(K.LENSES), gopro(K.ORDER_REVERSED, after=1), gopro(K.LINK_REFUSED, times=2)), items=(CHAPTERS, PLAIN)),
    _case("originals_listed_twice", (gopro(K.LISTED_TWICE),)),
    _case("links_have_raw_characters", (gopro(K.LINK_RAW),)),
    _case("file_not_listed", (gopro(K.VARIATIONS_LOST, item=CHAPTERS, keep=[1, 3]),), Outcome.FAILED,
          "original_unavailable", (CHAPTERS,), items=(CHAPTERS, PLAIN)),
    _case("proxy_tallest", (gopro(K.PROXY_TALLEST),)),
    _case("only_proxies", (gopro(K.NO_SOURCE, item=PLAIN),), Outcome.FAILED, "original_unavailable", (PLAIN,)),
    _case("shown_as_edit", (gopro(K.SHOWN_AS_EDIT, item=PLAIN),)),
    _case("original_not_available_now", (gopro(K.UNAVAILABLE, item=PLAIN),), Outcome.LEFT, "not_available_yet",
          (PLAIN,)),
    _case("trashed", (gopro(K.TRASHED, item=PLAIN),), Outcome.LEFT, "media_not_found", (PLAIN,)),
    _case("refused_a_moment", (gopro(K.REFUSED, item=PLAIN, times=1),), session=True),
    _case("refused_for_good", (gopro(K.REFUSED, item=PLAIN),), Outcome.FAILED, "original_unavailable", (PLAIN,),
          session=True),
    _case("odd_status_for_one", (gopro(K.REFUSED, item=PLAIN, status=451),), Outcome.FAILED, "original_unavailable",
          (PLAIN,)),
    _case("download_fails_for_good", (gopro(K.SERVER_ERROR, E.DOWNLOAD, PLAIN, status=503),), Outcome.FAILED,
          "provider_unavailable", (PLAIN,)),
)  # fmt: skip

CDN = (
    _case("links_end_at_once", (gopro(K.LINK_SECONDS, times=2, seconds=0),)),
    _case("links_are_refused", (gopro(K.LINK_REFUSED, times=2), gopro(K.LINK_REFUSED, after=4, times=1, status=410))),
    _case("links_never_work", (gopro(K.LINK_REFUSED, item=PLAIN),), Outcome.FAILED, "source_link_expired", (PLAIN,)),
    _case("connection_cut", (gopro(K.CONNECTION_CUT, times=3, byte=1000),)),
    _case("source_always_ends_early", (gopro(K.CONNECTION_CUT, item=PLAIN, byte=100_000),), Outcome.FAILED,
          "short_read or provider_unavailable", (PLAIN,)),  # depends on how TLS ends
    _case("range_ignored", (gopro(K.RANGE_IGNORED, item=BIG),)),
    _case("range_refused", (gopro(K.RANGE_REFUSED, item=PLAIN),), Outcome.FAILED, "source_changed", (PLAIN,)),
    _case("range_shifted", (gopro(K.RANGE_SHIFTED, item=PLAIN),), Outcome.FAILED, "original_unavailable", (PLAIN,)),
    _case("range_shifted_once", (gopro(K.RANGE_SHIFTED, times=1),)),
    _case("ranges_are_all_shifted", (gopro(K.RANGE_SHIFTED),), Outcome.STOPPED, CONTRACT),
    _case("source_replaced", (gopro(K.OBJECT_REPLACED, item=BIG, after=1),), replaced=(BIG,), damaged=(BIG,)),
    _case("if_match_refused", (gopro(K.CONDITION_REFUSED, item=BIG),)),
    _case("source_replaced_unconditionally", (gopro(K.CONDITION_REFUSED, item=BIG, status=400),
                                              gopro(K.OBJECT_REPLACED, item=BIG, after=2)), replaced=(BIG,),
          damaged=(BIG,)),
    _case("source_replaced_and_only_its_date_moves",
          (gopro(K.ETAG_MISSING, item=BIG), gopro(K.OBJECT_REPLACED, item=BIG, after=1)), replaced=(BIG,),
          damaged=(BIG,)),
    _case("source_replaced_under_a_weak_etag",
          (gopro(K.ETAG_WEAK, item=BIG), gopro(K.OBJECT_REPLACED, item=BIG, after=1)), replaced=(BIG,), damaged=(BIG,)),
    _case("dates_move_with_each_answer", (gopro(K.DATE_MOVING),)),
    _case("nothing_identifies_a_version", (gopro(K.ETAG_MISSING, item=BIG), gopro(K.DATE_MISSING, item=BIG))),
    _case("etags_are_absurdly_long", (gopro(K.ETAG_LONG),)),
    _case("length_is_not_said", (gopro(K.LENGTH_MISSING),), items=(PLAIN, BIG)),
    _case("length_is_said_by_nobody", (gopro(K.LENGTH_MISSING, item=CHAPTERS),), Outcome.FAILED, "short_read",
          (CHAPTERS,)),
    _case("body_without_a_length_ends_early", (gopro(K.LENGTH_MISSING, item=PLAIN, percent=60),), Outcome.FAILED,
          "short_read", (PLAIN,)),
    _case("original_is_empty", (gopro(K.EMPTY, item=PLAIN), gopro(K.FILE_SIZE_NULL, item=PLAIN)), emptied=(PLAIN,),
          damaged=(PLAIN,)),
    _case("original_is_cut_off", (gopro(K.OBJECT_CUT, item=PLAIN), gopro(K.OBJECT_CUT, item=BIG)), cut=(PLAIN, BIG),
          damaged=(PLAIN, BIG)),
    _case("original_is_no_movie", (gopro(K.OBJECT_REPLACED, item=PLAIN),), replaced=(PLAIN,), damaged=(PLAIN,)),
    _case("original_is_cut_off_a_moment", (gopro(K.OBJECT_CUT, item=PLAIN, times=1),)),
    _case("ranges_are_cut_short", (gopro(K.RANGE_SHORT),)),
    _case("total_is_not_said", (gopro(K.TOTAL_UNKNOWN),)),
    _case("coding_that_is_none", (gopro(K.CODING_NAMED),)),
    _case("authorization_refused", (gopro(K.AUTHORIZATION_REFUSED, item=PLAIN),), Outcome.FAILED,
          "original_unavailable", (PLAIN,)),
    _case("head_refused", (gopro(K.HEAD_REFUSED),)),
    _case("cdn_throttles_a_moment", (gopro(K.THROTTLED, E.CDN, times=3, retry_after=0),)),
    _case("cdn_fails_a_moment", (gopro(K.SERVER_ERROR, E.CDN, times=3, status=503),)),
    _case("cdn_slow", (gopro(K.SLOW, item=PLAIN, bytes_per_second=400_000),)),
    _case("cdn_sends_a_page", (gopro(K.PAGE_INSTEAD, times=2),)),
    _case("cdn_sends_only_pages", (gopro(K.PAGE_INSTEAD, item=PLAIN),), Outcome.FAILED, "provider_unavailable",
          (PLAIN,)),
    _case("far_smaller_than_listed", (gopro(K.FILE_SIZE_STALE, item=PLAIN, bytes_off=-100_000_000),), Outcome.FAILED,
          "original_unavailable", (PLAIN,)),
    _case("cdn_stalls", (gopro(K.STALL, E.CDN, PLAIN, times=1, byte=1000),)),
)  # fmt: skip

ARCHIVE = (
    _case("s3_slow_down", (s3(A.SLOW_DOWN, "PutObject", PLAIN, times=2), s3(A.SLOW_DOWN, "UploadPart", times=2))),
    _case("s3_slow_down_for_good", (s3(A.SLOW_DOWN, "PutObject", PLAIN, times=None),), Outcome.FAILED,
          "archive_unavailable", (PLAIN,)),
    _case("s3_fails_a_moment", (s3(A.INTERNAL_ERROR, "CreateMultipartUpload"), s3(A.INTERNAL_ERROR, "UploadPart"),
                                s3(A.INTERNAL_ERROR, "CompleteMultipartUpload"), s3(A.INTERNAL_ERROR, "HeadObject"))),
    _case("s3_error_in_200", (s3(A.ERROR_IN_200, "CompleteMultipartUpload"),)),
    _case("s3_conflict", (s3(A.CONFLICT, "CompleteMultipartUpload"),)),
    _case("s3_conflict_for_good", (s3(A.CONFLICT, "CompleteMultipartUpload", times=None),), Outcome.FAILED,
          "archive_unavailable", (BIG,)),
    _case("s3_bad_digest", (s3(A.BAD_DIGEST, "UploadPart", times=None),), Outcome.FAILED, "integrity", (BIG,)),
    _case("part_damaged_on_the_way", (s3(A.BYTES_FLIPPED, "UploadPart", times=None),), Outcome.FAILED, "integrity",
          (BIG,)),
    _case("object_damaged_on_the_way", (s3(A.BYTES_FLIPPED, "PutObject", PLAIN, times=None),), Outcome.FAILED,
          "integrity", (PLAIN,)),
    _case("s3_slow_parts", (s3(A.SLOW_ANSWER, "UploadPart", times=2, seconds=3),)),
    _case("s3_access_denied", (s3(A.ACCESS_DENIED, "CreateMultipartUpload", times=None),), Outcome.STOPPED,
          "ConfigurationError"),
    _case("s3_key_disabled", (s3(A.KEY_DISABLED, "PutObject", PLAIN, times=None),), Outcome.STOPPED,
          "ConfigurationError"),
    _case("put_answer_lost", (s3(A.ANSWER_LOST, "PutObject", PLAIN),)),
    _case("part_answer_lost", (s3(A.ANSWER_LOST, "UploadPart"),)),
    _case("completion_answer_lost", (s3(A.ANSWER_LOST, "CompleteMultipartUpload"),)),
    _case("creation_answer_lost", (s3(A.ANSWER_LOST, "CreateMultipartUpload"),), stray=True),
    _case("manifest_answer_lost", (s3(A.ANSWER_LOST, "PutObject", "work.jsonl"), s3(A.SLOW_DOWN, "GetObject"))),
    _case("manifest_breaks_off", (s3(A.ANSWER_CUT, "GetObject", "work.jsonl", times=2, byte=100),)),
    _case("manifest_never_comes", (s3(A.ANSWER_CUT, "GetObject", "work.jsonl", times=None),), Outcome.STOPPED,
          "ArchiveUnavailableError"),
)  # fmt: skip

CLAIM, BEGIN, PROOF, DONE = (
    (":instead_of",),
    ("#upload_id = :upload_id",),
    ("SOURCE#", ":archived_at"),
    (":bytes_total",),
)

LEDGER = (
    _case("ledger_throttled", (dynamodb(A.THROTTLED, "UpdateItem", times=3), dynamodb(A.THROTTLED, "BatchGetItem"),
                               dynamodb(A.REQUESTS_THROTTLED, "PutItem", times=2))),
    _case("ledger_throttled_for_good", (dynamodb(A.THROTTLED, "BatchGetItem", times=None),), Outcome.STOPPED,
          "ArchiveUnavailableError"),
    _case("ledger_fails_a_moment", (dynamodb(A.INTERNAL_ERROR, "UpdateItem", times=2),
                                    dynamodb(A.INTERNAL_ERROR, "GetItem"))),
    _case("claim_refused", (dynamodb(A.CONDITION_FAILED, "UpdateItem", *CLAIM, PLAIN),), Outcome.LEFT,
          affected=(PLAIN,)),
    _case("upload_noted_by_another", (dynamodb(A.CONDITION_FAILED, "UpdateItem", *BEGIN),), Outcome.LEFT,
          affected=(BIG,)),
    _case("lease_lost_at_the_end", (dynamodb(A.CONDITION_FAILED, "UpdateItem", *DONE, PLAIN),), Outcome.LEFT,
          affected=(PLAIN,)),
    _case("ledger_answers_lost", (dynamodb(A.ANSWER_LOST, "UpdateItem", *CLAIM), dynamodb(A.ANSWER_LOST, "UpdateItem",
                                  *BEGIN), dynamodb(A.ANSWER_LOST, "UpdateItem", *PROOF),
                                  dynamodb(A.ANSWER_LOST, "UpdateItem", *DONE))),
    _case("ledger_access_denied", (dynamodb(A.ACCESS_DENIED, "UpdateItem", times=None),), Outcome.STOPPED,
          "ConfigurationError"),
    _case("ledger_slow", (dynamodb(A.SLOW_ANSWER, "UpdateItem", times=3, seconds=2),)),
)  # fmt: skip

MAILS = (
    _case("mail_is_throttled", (sns(A.TOPIC_THROTTLED, times=2), sns(A.KEY_THROTTLED, times=1))),
    _case("mail_key_is_disabled", (sns(A.KEY_DISABLED),), Outcome.UNHEARD, "ConfigurationError"),
    _case("mail_topic_is_gone", (sns(A.TOPIC_GONE),), Outcome.UNHEARD, "ConfigurationError"),
)

_GROUPS = (TOKENS, LISTINGS, DOWNLOADS, CDN, ARCHIVE, LEDGER, MAILS, DRIVE_CASES, DROPBOX_CASES)
CASES = {case.name: case for group in _GROUPS for case in group}

QUICK = frozenset(
    [
        "token_dies_while_downloading",
        "refresh_answer_lost",
        "refresh_is_odd",
        "type_refused",
        "short_page",
        "upload_between_pages",
        "odd_rows",
        "odd_values",
        "listed_twice",
        "gateway_answers_a_moment",
        "refused_a_moment",
        "refused_for_good",
        "state_unknown",
        "type_unknown",
        "one_filename",
        "chapters_unnumbered",
        "only_proxies",
        "original_not_available_now",
        "trashed",
        "links_end_at_once",
        "connection_cut",
        "range_ignored",
        "range_shifted",
        "source_replaced",
        "if_match_refused",
        "cdn_sends_a_page",
        "far_smaller_than_listed",
        "cdn_throttles_a_moment",
        "original_is_cut_off",
        "s3_slow_down",
        "s3_fails_a_moment",
        "s3_error_in_200",
        "part_damaged_on_the_way",
        "s3_access_denied",
        "s3_key_disabled",
        "put_answer_lost",
        "completion_answer_lost",
        "ledger_throttled",
        "claim_refused",
        "ledger_answers_lost",
        "manifest_breaks_off",
        "mail_topic_is_gone",
        *DRIVE_QUICK,
        *DROPBOX_QUICK,
    ]
)
"""Those that every test run includes; `make faults` runs all cases."""

NOT_SURVIVED = frozenset({FaultKind.BYTES_CORRUPTED})
"""Faults that go unnoticed: the provider publishes no hash, so bytes that it corrupts are archived as they came."""

PICTURE_FAULTS = frozenset(
    {FaultKind.PICTURE_REFUSED, FaultKind.PICTURE_MOVED, FaultKind.PICTURE_OTHER, FaultKind.PICTURE_HIDDEN}
)
NOT_ASKED = frozenset({FaultKind.TWO_FACTOR}) | PICTURE_FAULTS
"""Faults of what only the owner's own log-in asks for, and of pictures, on which the outcome of no item depends."""
