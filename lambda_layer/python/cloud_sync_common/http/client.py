"""HTTP for the providers' APIs: one `requests` session with time-outs and no redirects; failures become our errors.

Messages of `requests` and urllib3 name URLs and headers, which may hold tokens. They reach neither an error nor a log:
every failure is described in our own words.
"""

from __future__ import annotations

import logging
import re
import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from cloud_sync_common import __version__
from cloud_sync_common.exceptions import ConfigurationError, ProviderThrottledError, ProviderUnavailableError

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
CONNECTIONS = 16
MAX_RETRY_AFTER = 6 * 3600.0  # seconds; no wait is longer, whatever a provider asks for
USER_AGENT = f"cloud-sync/{__version__}"

# urllib3 warns of a malformed answer with its URL and its raw headers, at a level that Lambda's own handler prints.
for _library in ("requests", "urllib3"):
    logging.getLogger(_library).propagate = False


class _SystemTrust(HTTPAdapter):
    """Verifies certificates as the standard library does: against the system's authorities, or those in SSL_CERT_FILE.
    `requests` itself would trust the list in certifi instead."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **kwargs)

    def cert_verify(self, *_: Any) -> None:
        """Adds no authorities to those of the context, which already requires and checks a certificate."""


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """A redirect is an answer like any other. With allow_redirects=False, `requests` would still parse where it
        leads, and fail on a malformed address."""


@cache
def session() -> requests.Session:
    """This process's connections. Only what a caller passes is sent: no cookies, no .netrc, and no proxy."""
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.headers = CaseInsensitiveDict({"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
    adapter = _SystemTrust(pool_maxsize=CONNECTIONS)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


def request(
    method: str,
    url: str,
    *,
    doing: str,
    headers: Mapping[str, str],
    query: Mapping[str, str | int] | None = None,
    form: Mapping[str, str] | None = None,
) -> requests.Response:
    """One request and its answer, whatever the status. `doing` completes the sentence "There was no answer to <doing>".

    Raises ProviderUnavailableError when there is no answer, ConfigurationError when the request cannot be sent at all.
    """
    try:
        "".join(headers.values()).encode("latin-1")  # what a header can carry
        prepared = session().prepare_request(requests.Request(method, url, headers=headers, params=query, data=form))
    except (requests.RequestException, UnicodeError) as error:
        raise _cannot_be_sent(doing, error) from None
    try:
        return session().send(prepared, timeout=(CONNECT_SECONDS, READ_SECONDS))
    except urllib3.exceptions.LocationParseError as error:
        raise _cannot_be_sent(doing, error) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise ProviderUnavailableError(f"There was no answer to {doing} ({type(error).__name__}).") from None


def _cannot_be_sent(doing: str, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"No request could be sent for {doing} ({type(error).__name__}). Check that the stored token has no line "
        "break and no other character that HTTP does not allow, and that the provider's base URL is one."
    )


def refuse_when_busy(status: int, headers: Mapping[str, str], doing: str) -> None:
    """Raises ProviderThrottledError for 429 and ProviderUnavailableError for 408, 425 and 5xx; else returns.

    `headers` are looked up by lower-case name.
    """
    if status == 429:
        raise ProviderThrottledError(f"The provider asked us to slow down at {doing}.", retry_after(headers))
    if status in (408, 425) or status >= 500:
        raise ProviderUnavailableError(f"The provider answered {status} to {doing}.")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from a Retry-After header of either form (RFC 9110, 10.2.3); None when absent or unreadable."""
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+", value):
        return min(float(value), MAX_RETRY_AFTER)
    try:
        return min(max(0.0, parsedate_to_datetime(value).timestamp() - time.time()), MAX_RETRY_AFTER)
    except (ValueError, OverflowError):
        return None
