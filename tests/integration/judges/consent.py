"""A user in front of Google's consent page."""

from __future__ import annotations

import contextlib
import html
import re
import ssl
from urllib.parse import urlencode, urljoin

import urllib3


def grant(url: str, trusting: ssl.SSLContext, *, decision: str = "allow") -> None:
    """Follow a link to the consent page, and on from there until the app says that it is done."""
    with urllib3.PoolManager(ssl_context=trusting, timeout=30, retries=urllib3.Retry(redirect=5)) as http:
        page = http.request("GET", url)
        text = page.data.decode()
        (action,) = re.findall(r'action="([^"]+)"', text)
        (number,) = re.findall(r'name="request" value="([^"]+)"', text)
        scopes = [html.unescape(scope) for scope in re.findall(r'name="scope" value="([^"]+)"', text)]
        form = urlencode([("request", number), ("decision", decision), *(("scope", one) for one in scopes)])
        sent = {"Content-Type": "application/x-www-form-urlencoded"}
        target = urljoin(urljoin(url, page.geturl() or ""), action)
        answer = http.request("POST", target, body=form, headers=sent, redirect=False)
        with contextlib.suppress(urllib3.exceptions.ProtocolError):  # an app that has the code may stop in mid-answer
            http.request("GET", answer.headers["Location"], retries=False)
