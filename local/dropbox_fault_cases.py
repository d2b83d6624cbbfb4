"""The fault cases of Dropbox; fault_case.py says what a case is. Items are the paths of fault_library.py."""

from __future__ import annotations

from functools import partial

from local.fake_providers.dropbox_faults import DropboxEndpoint, DropboxFault
from local.fault_case import NEW_CREDENTIALS, WHOLE_LIBRARY, Case, Outcome
from local.fault_case import fault_of as dropbox
from local.fault_library import PATHS

PLAIN, TWIN, BIG, OTHER, ACCENT, SPHERE = PATHS.values()
K, E = DropboxFault, DropboxEndpoint
EXPIRED, SETTING = "CredentialsExpiredError", "ConfigurationError"
CONTRACT, UNAVAILABLE, THROTTLED = "ProviderContractError", "ProviderUnavailableError", "ProviderThrottledError"
LATER, REFUSED, GONE, DISPUTED = "not_available_yet", "refused_by_provider", "media_not_found", "hash_disputed"

_case = partial(Case, provider="dropbox", items=(PLAIN, TWIN, BIG))
_whole = partial(Case, provider="dropbox", items=WHOLE_LIBRARY)

TOKENS = (
    _whole("dropbox_token_dies_while_listing", (dropbox(K.ACCESS_TOKEN_DIES, E.CONTINUE, times=1, after=1),)),
    _case("dropbox_token_dies_in_a_large_file",
          (dropbox(K.ACCESS_TOKEN_DIES, E.DOWNLOAD, BIG, times=1, after=1),
           dropbox(K.TOKEN_REFUSED, E.DOWNLOAD, BIG, times=1, after=2))),
    _case("dropbox_disconnected",
          (dropbox(K.TOKEN_REFUSED, after=7, tag="invalid_access_token"), dropbox(K.INVALID_GRANT, E.TOKEN, after=1)),
          Outcome.STOPPED, EXPIRED, then=NEW_CREDENTIALS),
    _case("dropbox_refresh_token_refused", (dropbox(K.INVALID_GRANT, E.TOKEN),), Outcome.STOPPED, EXPIRED,
          then=NEW_CREDENTIALS),
    _case("dropbox_scope_missing", (dropbox(K.SCOPE_NARROWED, E.TOKEN),), Outcome.STOPPED, SETTING,
          then=NEW_CREDENTIALS),
    _case("dropbox_scope_missing_for_bytes", (dropbox(K.TOKEN_REFUSED, E.DOWNLOAD, tag="missing_scope"),),
          Outcome.STOPPED, SETTING, then=NEW_CREDENTIALS),
    _case("dropbox_account_suspended", (dropbox(K.TOKEN_REFUSED, E.LIST, tag="user_suspended"),), Outcome.STOPPED,
          SETTING),
    _case("dropbox_app_disabled", (dropbox(K.APP_DISABLED),), Outcome.STOPPED, EXPIRED),
    _case("dropbox_app_disabled_while_listing", (dropbox(K.APP_DISABLED, E.CONTINUE),
                                                  dropbox(K.APP_DISABLED, E.ACCOUNT)), Outcome.STOPPED, EXPIRED),
    _case("dropbox_app_of_another", (), Outcome.STOPPED, EXPIRED, then=NEW_CREDENTIALS,
          credentials={"client_id": "anotherapp12345"}),
    _case("dropbox_refresh_token_rotates", (dropbox(K.ROTATED),),
          afterwards=lambda fake: fake.control.expire_access_tokens()),
    _case("dropbox_refused_without_a_word_once",
          (dropbox(K.GATEWAY_ANSWER, E.LIST, times=1, status=401, body=""),
           dropbox(K.GATEWAY_ANSWER, E.METADATA, times=1, status=401, body=""),
           dropbox(K.GATEWAY_ANSWER, E.DOWNLOAD, times=1, status=403, body=""))),
    _case("dropbox_renewal_in_trouble",
          (dropbox(K.ANSWER_LOST, E.TOKEN, times=1), dropbox(K.SERVER_ERROR, E.TOKEN, times=1, after=1, status=503),
           dropbox(K.GATEWAY_ANSWER, E.TOKEN, times=1, after=2))),
    _case("dropbox_joins_a_team", (dropbox(K.ROOT_CHANGED, E.CONTINUE, times=1),)),
    _case("dropbox_root_of_another_team", (dropbox(K.ROOT_REFUSED),), Outcome.STOPPED, SETTING, then=NEW_CREDENTIALS,
          credentials={"path_root": "123456789"}),
    _case("dropbox_root_has_changed", (), Outcome.STOPPED, SETTING, then=NEW_CREDENTIALS,
          credentials={"path_root": "123456789"}),
    _case("dropbox_access_denied", (dropbox(K.ACCESS_DENIED, E.LIST),), Outcome.STOPPED, SETTING),
)  # fmt: skip

LISTINGS = (
    _whole("dropbox_pages_empty_and_small",
           (dropbox(K.PAGE_EMPTY, times=3, after=2), dropbox(K.PAGE_SMALL))),
    _case("dropbox_pages_always_empty", (dropbox(K.PAGE_EMPTY, E.CONTINUE),), Outcome.STOPPED, UNAVAILABLE),
    _whole("dropbox_entries_repeated", (dropbox(K.ENTRIES_REPEATED, rows=2, times=3),)),
    _whole("dropbox_cursor_reset", (dropbox(K.CURSOR_RESET, times=1, after=1),)),
    _case("dropbox_cursor_always_reset", (dropbox(K.CURSOR_RESET),), Outcome.STOPPED, UNAVAILABLE),
    _case("dropbox_deleted_after_its_page", (dropbox(K.FILE_DELETED, E.CONTINUE, times=1, after=3, path=PLAIN),),
          Outcome.LEFT, GONE, (PLAIN,)),
    _whole("dropbox_upload_between_pages", (dropbox(K.FILE_ADDED, times=1, after=1, path=PLAIN, target="/A.mp4"),)),
    _whole("dropbox_extensions_in_the_other_case", (dropbox(K.EXTENSION_CASE),)),
    _case("dropbox_folders_in_another_case", (dropbox(K.FOLDER_CASE, item=PLAIN), dropbox(K.FOLDER_CASE, item=BIG)),
          items=(PLAIN, BIG), filters={"folders": {"include": ["Trips/Alps"]}}),
    _case("dropbox_names_decomposed", (dropbox(K.NAME_DECOMPOSED, E.LIST), dropbox(K.NAME_DECOMPOSED, E.METADATA)),
          items=(ACCENT,), filters={"folders": {"include": ["Größe"]}}),
    _whole("dropbox_odd_rows",
           (dropbox(K.ROW_ODD, item=PLAIN), dropbox(K.HASH_MISSING, item=TWIN), dropbox(K.PATHS_MISSING, item=BIG),
            dropbox(K.SIZE_WRONG, item=ACCENT))),
    _case("dropbox_no_hashes", (dropbox(K.HASH_MISSING),)),
    _case("dropbox_not_downloadable", (dropbox(K.NOT_DOWNLOADABLE, item=PLAIN),), Outcome.LEFT, affected=(PLAIN,)),
    _case("dropbox_throttles_a_moment",
          (dropbox(K.THROTTLED, E.LIST, times=2, retry_after=0),
           dropbox(K.THROTTLED, E.METADATA, times=2, retry_after=1),
           dropbox(K.THROTTLED_TEXT, E.DOWNLOAD, times=2, retry_after=None),
           dropbox(K.THROTTLED, E.DOWNLOAD, times=1, after=4, retry_after=0, reason="too_many_write_operations"))),
    _case("dropbox_asks_for_an_hour", (dropbox(K.THROTTLED, E.LIST, retry_after=3600),), Outcome.STOPPED, THROTTLED),
    _case("dropbox_api_fails_a_moment",
          (dropbox(K.SERVER_ERROR, E.LIST, times=2), dropbox(K.SERVER_ERROR, E.METADATA, times=2, status=503),
           dropbox(K.SERVER_ERROR, E.DOWNLOAD, times=2, status=502))),
    _case("dropbox_answers_are_lost",
          (dropbox(K.ANSWER_LOST, E.LIST, times=1), dropbox(K.ANSWER_LOST, E.CONTINUE, times=2),
           dropbox(K.ANSWER_LOST, E.METADATA, times=2))),
    _case("dropbox_gateway_answers_a_moment",
          (dropbox(K.GATEWAY_ANSWER, E.LIST, times=1), dropbox(K.GATEWAY_ANSWER, E.METADATA, times=1, status=403),
           dropbox(K.GATEWAY_ANSWER, E.DOWNLOAD, times=1), dropbox(K.CHARSET_NAMED))),
    _case("dropbox_gateway_answers_for_good", (dropbox(K.GATEWAY_ANSWER, E.LIST),), Outcome.STOPPED, CONTRACT),
    _case("dropbox_edge_blocks_for_good", (dropbox(K.GATEWAY_ANSWER, E.LIST, status=403),), Outcome.STOPPED,
          UNAVAILABLE),
    _case("dropbox_request_not_understood", (dropbox(K.BAD_INPUT, E.LIST), dropbox(K.BAD_INPUT, E.ACCOUNT)),
          Outcome.STOPPED, EXPIRED),
    _case("dropbox_api_stalls", (dropbox(K.STALL, E.LIST, times=1),)),
)  # fmt: skip

FILES = (
    _case("dropbox_file_gone", (dropbox(K.NOT_FOUND, E.METADATA, PLAIN), dropbox(K.SUMMARY_DOTS, dots=0)),
          Outcome.LEFT, GONE, (PLAIN,)),
    _case("dropbox_file_gone_while_downloading",
          (dropbox(K.NOT_FOUND, E.DOWNLOAD, BIG, after=1), dropbox(K.SUMMARY_DOTS, dots=7)), Outcome.LEFT, GONE,
          (BIG,)),
    _case("dropbox_file_gone_a_moment",
          (dropbox(K.NOT_FOUND, E.DOWNLOAD, BIG, times=1, after=1), dropbox(K.NOT_FOUND, E.METADATA, PLAIN, times=1))),
    _case("dropbox_content_restricted",
          (dropbox(K.LOOKUP_REFUSED, E.DOWNLOAD, PLAIN),
           dropbox(K.LOOKUP_REFUSED, E.DOWNLOAD, TWIN, tag="unsupported_content_type"),
           dropbox(K.NOT_DOWNLOADABLE, E.DOWNLOAD, BIG)), Outcome.LEFT, REFUSED, (PLAIN, TWIN, BIG)),
    _case("dropbox_file_locked", (dropbox(K.LOOKUP_REFUSED, E.DOWNLOAD, PLAIN, tag="locked"),), Outcome.LEFT, LATER,
          (PLAIN,)),
    _case("dropbox_unknown_tag", (dropbox(K.LOOKUP_REFUSED, E.DOWNLOAD, PLAIN, tag="moon_phase"),), Outcome.FAILED,
          "original_unavailable", (PLAIN,)),
    _case("dropbox_bad_request_for_bytes", (dropbox(K.BAD_INPUT, E.DOWNLOAD, PLAIN),), Outcome.FAILED,
          "original_unavailable", (PLAIN,)),
    _case("dropbox_hash_never_matches", (dropbox(K.HASH_WRONG, item=PLAIN), dropbox(K.HASH_WRONG, item=BIG)),
          Outcome.LEFT, DISPUTED, (PLAIN, BIG)),
    _case("dropbox_far_smaller_than_listed", (dropbox(K.SIZE_WRONG, item=PLAIN, bytes_off=-100_000_000),),
          Outcome.FAILED, "original_unavailable", (PLAIN,)),
    _case("dropbox_moved_and_renamed",
          (dropbox(K.MOVED, E.METADATA, PLAIN, times=1), dropbox(K.MOVED, E.DOWNLOAD, BIG, times=1, target="/B.mp4"))),
    _case("dropbox_replaced_while_downloading", (dropbox(K.REV_CHANGED, E.DOWNLOAD, BIG, times=1, after=1, path=OTHER),
                                                 dropbox(K.REV_CHANGED, E.DOWNLOAD, PLAIN, times=1, path=TWIN)),
          superseded=(BIG, PLAIN)),
)  # fmt: skip

BYTES = (
    _case("dropbox_connection_cut", (dropbox(K.CONNECTION_CUT, times=3, byte=1000),)),
    _case("dropbox_always_ends_early", (dropbox(K.CONNECTION_CUT, item=PLAIN, byte=100_000),), Outcome.FAILED,
          "short_read or provider_unavailable", (PLAIN,)),  # depends on how TLS ends
    _case("dropbox_ranges_ignored", (dropbox(K.RANGE_IGNORED, item=BIG),)),
    _case("dropbox_ranges_refused", (dropbox(K.RANGE_REFUSED, item=PLAIN),), Outcome.FAILED, "source_changed",
          (PLAIN,)),
    _case("dropbox_ranges_cut_short", (dropbox(K.RANGE_SHORT, item=BIG, most=3_000_000),)),
    _case("dropbox_total_is_wrong",
          (dropbox(K.TOTAL_WRONG, item=PLAIN), dropbox(K.TOTAL_WRONG, item=BIG, bytes_off=-1000)), Outcome.FAILED,
          "original_unavailable or short_read", (PLAIN, BIG)),
    _case("dropbox_fewer_headers", (dropbox(K.RESULT_MISSING), dropbox(K.ETAG_MISSING))),
    _case("dropbox_other_bytes_of_one_revision", (dropbox(K.CONTENT_REPLACED, item=BIG, after=1),), Outcome.LEFT,
          DISPUTED, (BIG,)),
    _case("dropbox_a_byte_is_always_wrong", (dropbox(K.BYTES_CORRUPTED, item=PLAIN, byte=1000),), Outcome.LEFT,
          DISPUTED, (PLAIN,)),
    _case("dropbox_a_byte_is_wrong_once",
          (dropbox(K.BYTES_CORRUPTED, item=PLAIN, times=1, byte=1000),
           dropbox(K.BYTES_CORRUPTED, item=BIG, times=2, byte=9_000_000))),
    _case("dropbox_ranges_shifted", (dropbox(K.RANGE_SHIFTED, item=PLAIN),), Outcome.FAILED, "original_unavailable",
          (PLAIN,)),
    _case("dropbox_sends_only_pages", (dropbox(K.GATEWAY_ANSWER, E.DOWNLOAD, PLAIN),), Outcome.FAILED,
          "provider_unavailable", (PLAIN,)),
    _case("dropbox_slow", (dropbox(K.SLOW, item=PLAIN, bytes_per_second=200_000),)),
    _case("dropbox_bytes_stall", (dropbox(K.STALL, E.DOWNLOAD, PLAIN, times=1, byte=1000),)),
)  # fmt: skip

DROPBOX_CASES = (*TOKENS, *LISTINGS, *FILES, *BYTES)
DROPBOX_QUICK = ("dropbox_cursor_reset", "dropbox_content_restricted")
DROPBOX_NOT_ASKED = frozenset(
    {K.LINK_GONE, K.LINK_REFUSED, K.LINK_SECONDS, K.MEDIA_PENDING, K.NO_REFRESH_TOKEN}
    | {K.PICTURE_REFUSED, K.PICTURE_MOVED, K.PICTURE_OTHER}
)
"""Faults of temporary links, of media facts and of the owner's own consent, none of which a run asks for, and of
pictures, on which the outcome of no item depends."""
