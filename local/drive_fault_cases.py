"""The fault cases of Google Drive; fault_case.py says what a case is. Items are those of fault_library.py."""

from __future__ import annotations

from functools import partial

from local.fake_providers.google_drive import FakeGoogleDrive
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fault_case import NEW_CREDENTIALS, WHOLE_LIBRARY, Case, Outcome
from local.fault_case import fault_of as drive

PLAIN, TWIN, BIG, OTHER, ACCENT, SPHERE = "1plain", "1twin", "1big", "1other", "1accent", "1sphere"
TEAM, FRIEND = "1team", "1friend"
DAY = 86_400  # seconds
K, E = DriveFault, DriveEndpoint
EXPIRED, SETTING = "CredentialsExpiredError", "ConfigurationError"
CONTRACT, UNAVAILABLE, THROTTLED = "ProviderContractError", "ProviderUnavailableError", "ProviderThrottledError"
LATER, REFUSED, GONE, DISPUTED = "not_available_yet", "refused_by_provider", "media_not_found", "hash_disputed"
METADATA_ONLY = "https://www.googleapis.com/auth/drive.metadata.readonly"
HASHES = ["md5Checksum", "sha1Checksum", "sha256Checksum"]


def _fill_a_page(fake: FakeGoogleDrive) -> None:
    """So many files that the first page of a listing, which is as long as it may be, is not the last one."""
    fake.control.set_page_size(1_000)
    fake.control.put_many(1_005, "1sphere.360")


_case = partial(Case, provider="google_drive", items=(PLAIN, TWIN, BIG))
_whole = partial(Case, provider="google_drive", items=WHOLE_LIBRARY)

TOKENS = (
    _whole("drive_token_dies_while_listing", (drive(K.ACCESS_TOKEN_DIES, E.LIST, times=1, after=3),)),
    _case("drive_token_dies_in_the_feed", (drive(K.ACCESS_TOKEN_DIES, E.CHANGES, times=1),)),
    _case("drive_token_dies_in_a_large_file",
          (drive(K.ACCESS_TOKEN_DIES, E.MEDIA, BIG, times=1, after=1),
           drive(K.ACCESS_TOKEN_DIES, E.MEDIA, BIG, times=1, after=3))),
    _case("drive_consent_taken_back",
          (drive(K.ACCESS_TOKEN_DIES, E.MEDIA, times=1, after=1), drive(K.INVALID_GRANT, E.TOKEN, after=1)),
          Outcome.STOPPED, EXPIRED, then=NEW_CREDENTIALS),
    _case("drive_testing_mode_ends", (), Outcome.STOPPED, EXPIRED, then=NEW_CREDENTIALS,
          before=lambda fake: (fake.control.set_testing(), fake.control.connect(),
                               fake.control.advance_clock(7 * DAY)),
          afterwards=lambda fake: (fake.control.set_testing(False), fake.control.connect())),
    _case("drive_unused_for_six_months", (), Outcome.STOPPED, EXPIRED, then=NEW_CREDENTIALS,
          before=lambda fake: fake.control.advance_clock(190 * DAY),
          afterwards=lambda fake: fake.control.connect()),
    _case("drive_scope_missing", (drive(K.SCOPE_NARROWED, E.TOKEN, scope=METADATA_ONLY),), Outcome.STOPPED, SETTING,
          then=NEW_CREDENTIALS),
    _case("drive_scope_too_narrow_for_bytes", (drive(K.REFUSED, E.MEDIA, reason="insufficientPermissions"),),
          Outcome.STOPPED, SETTING, then=NEW_CREDENTIALS),
    _case("drive_client_deleted", (drive(K.CLIENT_REFUSED, E.TOKEN),), Outcome.STOPPED, EXPIRED,
          then=NEW_CREDENTIALS),
    _case("drive_client_of_another", (), Outcome.STOPPED, EXPIRED, then=NEW_CREDENTIALS,
          credentials={"client_secret": "GOCSPX-of-some-other-client"}),
    _case("drive_refresh_token_rotates", (drive(K.ROTATED),),
          afterwards=lambda fake: fake.control.expire_access_tokens()),
    _case("drive_refused_without_a_word_once",
          (drive(K.GATEWAY_ANSWER, E.LIST, times=1, status=401, body=""),
           drive(K.GATEWAY_ANSWER, E.GET, times=1, status=401, body=""),
           drive(K.GATEWAY_ANSWER, E.MEDIA, times=1, status=403, body=""))),
    _case("drive_renewal_in_trouble",
          (drive(K.ANSWER_LOST, E.TOKEN, times=1), drive(K.SERVER_ERROR, E.TOKEN, times=1, after=1, status=503),
           drive(K.GATEWAY_ANSWER, E.TOKEN, times=1, after=2))),
)  # fmt: skip

LISTINGS = (
    _whole("drive_pages_short_and_empty",
           (drive(K.PAGE_SHORT, E.LIST, rows=1), drive(K.PAGE_EMPTY, E.LIST, times=2, after=6),
            drive(K.PAGE_EMPTY, E.CHANGES, times=2))),
    _whole("drive_page_token_ends_in_a_pause", (drive(K.PAGE_TOKEN_SECONDS, times=1, after=3, seconds=0),)),
    _whole("drive_page_token_refused",
           (drive(K.PAGE_TOKEN_REJECTED, E.LIST, times=1, after=1),
            drive(K.PAGE_TOKEN_REJECTED, E.LIST, times=1, after=5), drive(K.PAGE_TOKEN_REJECTED, E.CHANGES, times=1))),
    _case("drive_page_token_always_refused", (drive(K.PAGE_TOKEN_REJECTED, E.LIST),), Outcome.STOPPED, UNAVAILABLE),
    _case("drive_feed_always_refused", (drive(K.PAGE_TOKEN_REJECTED, E.CHANGES),), Outcome.STOPPED, UNAVAILABLE),
    _whole("drive_search_incomplete_once", (drive(K.INCOMPLETE_SEARCH, times=1, after=3),)),
    _case("drive_search_always_incomplete", (drive(K.INCOMPLETE_SEARCH),), Outcome.STOPPED, UNAVAILABLE),
    _whole("drive_joined_parents_find_some", (drive(K.PARENTS_INCOMPLETE),)),
    _whole("drive_listing_loses_a_row", (drive(K.ROWS_LOST, times=1, after=4),), Outcome.LEFT, affected=(OTHER,)),
    _case("drive_full_page_without_token", (drive(K.TOKEN_LEFT_OUT, times=1, after=1),), before=_fill_a_page),
    _case("drive_full_pages_never_have_tokens", (drive(K.TOKEN_LEFT_OUT),), Outcome.STOPPED, UNAVAILABLE,
          before=_fill_a_page),
    _whole("drive_last_pages_are_missing", (drive(K.TOKEN_LEFT_OUT, times=1, after=4),), Outcome.LEFT,
           affected=(PLAIN, TWIN, BIG)),
    _whole("drive_upload_between_pages", (drive(K.INSERT_ITEM, E.LIST, times=1, after=3),)),
    _case("drive_trashed_after_the_listing", (drive(K.TRASH_ITEM, E.CHANGES, times=1, file_id=PLAIN),), Outcome.LEFT,
          GONE, (PLAIN,), afterwards=lambda fake: fake.control.restore_item(PLAIN)),
    _whole("drive_listed_twice", (drive(K.ROW_REPEATED, item=PLAIN),)),
    _whole("drive_odd_rows",
           (drive(K.ROW_ODD, item=PLAIN), drive(K.SIZE_NUMBER, item=TWIN), drive(K.METADATA_MISSING),
            drive(K.CHECKSUMS_MISSING, item=BIG), drive(K.MIME_OTHER, item=SPHERE))),
    _case("drive_no_checksums", (drive(K.CHECKSUMS_MISSING, names=HASHES),)),
    _whole("drive_one_name", (drive(K.SAME_NAME),)),
    _case("drive_fresh_file_hidden", (drive(K.FRESH_HIDDEN, item=PLAIN),), Outcome.LEFT, affected=(PLAIN,)),
    _whole("drive_shortcut_leads_nowhere", (drive(K.SHORTCUT_DANGLING),), Outcome.LEFT, affected=(FRIEND,)),
    _case("drive_shared_drive_lost", (drive(K.DRIVE_LOST),), Outcome.STOPPED, SETTING, items=(PLAIN, TEAM)),
    _case("drive_not_downloadable", (drive(K.NOT_DOWNLOADABLE, item=PLAIN),), Outcome.LEFT, affected=(PLAIN,)),
    _case("drive_limits_of_a_minute",
          (drive(K.REFUSED, E.LIST, times=2), drive(K.REFUSED, E.GET, times=2, reason="rateLimitExceeded"),
           drive(K.REFUSED, E.MEDIA, times=2, reason="rateLimitExceeded"),
           drive(K.THROTTLED, E.MEDIA, times=1, after=4, retry_after=0))),
    _case("drive_asks_for_an_hour", (drive(K.THROTTLED, E.LIST, retry_after=3600),), Outcome.STOPPED, THROTTLED),
    _case("drive_limit_of_a_day", (drive(K.REFUSED, E.LIST, reason="dailyLimitExceeded"),), Outcome.STOPPED,
          UNAVAILABLE),
    _case("drive_api_is_off", (drive(K.REFUSED, E.LIST, reason="accessNotConfigured"),), Outcome.STOPPED, SETTING),
    _case("drive_apps_are_forbidden", (drive(K.REFUSED, E.LIST, reason="domainPolicy"),), Outcome.STOPPED, SETTING),
    _case("drive_api_fails_a_moment",
          (drive(K.SERVER_ERROR, E.LIST, times=2), drive(K.SERVER_ERROR, E.GET, times=2, status=503),
           drive(K.SERVER_ERROR, E.MEDIA, times=2, status=502))),
    _case("drive_answers_are_lost",
          (drive(K.ANSWER_LOST, E.LIST, times=2), drive(K.ANSWER_LOST, E.GET, times=2),
           drive(K.ANSWER_LOST, E.CHANGES, times=1))),
    _case("drive_gateway_answers_a_moment",
          (drive(K.GATEWAY_ANSWER, E.LIST, times=1), drive(K.GATEWAY_ANSWER, E.CHANGES, times=1, status=403),
           drive(K.GATEWAY_ANSWER, E.GET, times=1, status=202, body=""),
           drive(K.GATEWAY_ANSWER, E.MEDIA, times=1, body='{"error": {"code": 500}}'))),
    _case("drive_gateway_answers_for_good", (drive(K.GATEWAY_ANSWER, E.LIST),), Outcome.STOPPED, CONTRACT),
    _case("drive_edge_blocks_for_good", (drive(K.GATEWAY_ANSWER, E.LIST, status=403),), Outcome.STOPPED, UNAVAILABLE),
    _case("drive_byte_order_marks", (drive(K.BYTE_ORDER_MARK),)),
    _case("drive_api_stalls", (drive(K.STALL, E.LIST, times=1),)),
)  # fmt: skip

FILES = (
    _case("drive_file_gone", (drive(K.TRASHED, item=PLAIN),), Outcome.LEFT, GONE, (PLAIN,)),
    _case("drive_file_gone_while_downloading", (drive(K.TRASHED, E.MEDIA, BIG, after=1),), Outcome.LEFT, GONE, (BIG,)),
    _case("drive_file_gone_a_moment", (drive(K.TRASHED, E.MEDIA, BIG, times=1, after=1),)),
    _case("drive_download_quota", (drive(K.DOWNLOAD_QUOTA, item=PLAIN), drive(K.DOWNLOAD_QUOTA, item=BIG, after=1)),
          Outcome.LEFT, LATER, (PLAIN, BIG)),
    _case("drive_download_quota_of_all", (drive(K.DOWNLOAD_QUOTA),), Outcome.LEFT, LATER, (PLAIN, TWIN, BIG)),
    _case("drive_abusive", (drive(K.ABUSIVE, item=PLAIN),), Outcome.LEFT, REFUSED, (PLAIN,)),
    _case("drive_abusive_even_acknowledged", (drive(K.ABUSIVE, item=BIG, reason="abuse", even_acknowledged=True),),
          Outcome.LEFT, REFUSED, (BIG,)),
    _case("drive_download_forbidden",
          (drive(K.NOT_DOWNLOADABLE, E.MEDIA, PLAIN), drive(K.REFUSED, E.MEDIA, TWIN, reason="appNotAuthorizedToFile"),
           drive(K.REFUSED, E.MEDIA, BIG, reason="insufficientFilePermissions"),
           drive(K.REFUSED, E.MEDIA, ACCENT, reason="domainPolicy")), Outcome.LEFT, REFUSED,
          (PLAIN, TWIN, BIG, ACCENT), items=(PLAIN, TWIN, BIG, ACCENT)),
    _case("drive_has_no_bytes", (drive(K.REFUSED, E.MEDIA, PLAIN, reason="fileNotDownloadable"),), Outcome.LEFT,
          REFUSED, (PLAIN,)),
    _case("drive_unknown_reason", (drive(K.REFUSED, E.MEDIA, PLAIN, reason="moonPhase"),), Outcome.FAILED,
          "source_link_expired", (PLAIN,)),
    _case("drive_bad_request_for_bytes", (drive(K.BAD_REQUEST, item=PLAIN),), Outcome.FAILED, "original_unavailable",
          (PLAIN,)),
    _case("drive_hashes_never_match", (drive(K.HASHES_WRONG, item=PLAIN), drive(K.HASHES_WRONG, item=BIG)),
          Outcome.LEFT, DISPUTED, (PLAIN, BIG)),
    _case("drive_md5_alone_is_wrong", (drive(K.MD5_WRONG),)),
    _case("drive_md5_is_all_there_is_and_wrong", (drive(K.MD5_WRONG, item=PLAIN), drive(K.CHECKSUMS_MISSING)),
          Outcome.LEFT, DISPUTED, (PLAIN,)),
    _case("drive_size_is_wrong", (drive(K.SIZE_WRONG),)),
    _case("drive_far_smaller_than_listed", (drive(K.SIZE_WRONG, item=PLAIN, bytes_off=-100_000_000),), Outcome.FAILED,
          "original_unavailable", (PLAIN,)),
    _case("drive_moved_and_renamed", (drive(K.MOVED, E.GET, PLAIN, times=1), drive(K.MOVED, E.MEDIA, BIG, times=1))),
    _case("drive_replaced_before_the_download", (drive(K.CONTENT_UPLOADED, E.GET, PLAIN, times=1, like=TWIN),)),
    _case("drive_replaced_while_downloading", (drive(K.CONTENT_UPLOADED, E.MEDIA, BIG, times=1, after=1, like=OTHER),)),
)  # fmt: skip

BYTES = (
    _case("drive_connection_cut", (drive(K.CONNECTION_CUT, times=3, byte=1000),)),
    _case("drive_always_ends_early", (drive(K.CONNECTION_CUT, item=PLAIN, byte=100_000),), Outcome.FAILED,
          "short_read or provider_unavailable", (PLAIN,)),  # depends on how TLS ends
    _case("drive_ranges_ignored", (drive(K.RANGE_IGNORED, item=BIG),)),
    _case("drive_ranges_refused", (drive(K.RANGE_REFUSED, item=PLAIN),), Outcome.FAILED, "source_changed", (PLAIN,)),
    _case("drive_ranges_cut_short", (drive(K.RANGE_SHORT, item=BIG, most=3_000_000),)),
    _case("drive_ranges_shifted", (drive(K.RANGE_SHIFTED, item=PLAIN),), Outcome.FAILED, "original_unavailable",
          (PLAIN,)),
    _case("drive_range_shifted_once", (drive(K.RANGE_SHIFTED, item=BIG, times=1),)),
    _case("drive_total_is_wrong", (drive(K.TOTAL_WRONG, item=PLAIN), drive(K.TOTAL_WRONG, item=BIG, bytes_off=-1000)),
          Outcome.FAILED, "original_unavailable or short_read", (PLAIN, BIG)),
    _case("drive_more_headers", (drive(K.HASH_HEADER, statuses=[200, 206]), drive(K.ETAG_PRESENT))),
    _case("drive_other_bytes_of_one_revision", (drive(K.CONTENT_REPLACED, item=BIG, after=1),), Outcome.LEFT,
          DISPUTED, (BIG,)),
    _case("drive_a_byte_is_always_wrong", (drive(K.BYTES_CORRUPTED, item=PLAIN, byte=1000),), Outcome.LEFT, DISPUTED,
          (PLAIN,)),
    _case("drive_a_byte_is_wrong_once",
          (drive(K.BYTES_CORRUPTED, item=PLAIN, times=1, byte=1000),
           drive(K.BYTES_CORRUPTED, item=BIG, times=2, byte=9_000_000))),
    _case("drive_sends_a_page", (drive(K.PAGE_INSTEAD, times=2),)),
    _case("drive_sends_only_pages", (drive(K.PAGE_INSTEAD, item=PLAIN),), Outcome.FAILED, "provider_unavailable",
          (PLAIN,)),
    _case("drive_slow", (drive(K.SLOW, item=PLAIN, bytes_per_second=200_000),)),
    _case("drive_bytes_stall", (drive(K.STALL, E.MEDIA, PLAIN, times=1, byte=1000),)),
)  # fmt: skip

DRIVE_CASES = (*TOKENS, *LISTINGS, *FILES, *BYTES)
DRIVE_QUICK = ("drive_token_dies_in_a_large_file", "drive_download_forbidden")
DRIVE_NOT_ASKED = frozenset(
    {K.REFRESH_TOKEN_LEFT_OUT, K.PICTURE_REFUSED, K.PICTURE_MOVED, K.PICTURE_OTHER, K.PICTURE_HIDDEN}
)
"""Faults of what only the owner's own consent asks for, and of pictures, on which the outcome of no item depends."""
