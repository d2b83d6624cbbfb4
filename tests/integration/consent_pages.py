"""The browser in front of a fake's consent page: opened, allowed, and led on to where the redirect goes."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

import urllib3

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def decided(address: str, decision: str = "allow", **changes: str) -> str:
    """Opens the page, decides, and follows the redirect, if there is one; the text of the last page."""
    http = urllib3.PoolManager()
    page = http.request("GET", address).data.decode()
    action = re.findall(r'action="([^"]+)"', page) or ["/oauth2/authorize"]
    fields = [(name, html.unescape(value)) for name, value in re.findall(r'name="(\w+)" value="([^"]*)"', page)]
    fields = [(name, value) for name, value in fields if name != "decision" and name not in changes]
    body = urlencode([*fields, *changes.items(), ("decision", decision)])
    base = "/".join(address.split("/")[:3])
    answer = http.request("POST", base + action[0], body=body, headers=_FORM, redirect=False)
    if leads_to := answer.headers.get("Location"):  # a browser asks for it with GET
        answer = http.request("GET", leads_to)
    return str(answer.data.decode())


def code_on(page: str) -> str:
    """The code that Dropbox shows."""
    (code,) = re.findall(r'class="auth-code" value="([^"]+)"', page)
    return str(code)


if __name__ == "__main__":
    import sys

    decided(sys.argv[1])
