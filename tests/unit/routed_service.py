"""A service for unit tests that gives each path its own answers, without any HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.unit.gopro_service import answer


@dataclass
class RoutedService:
    """Replaces http_client.request. Each path has its answers in order, the last one repeatedly; what has none is a
    mistake of the test. `asked` are the requests, each with its `path`."""

    routes: dict[str, list[requests.Response]] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def gives(self, path: str, *answers: Any) -> None:
        """Adds answers to a path: each a body with status 200, or a whole answer."""
        self.routes.setdefault(path, []).extend(
            one if isinstance(one, requests.Response) else answer(one) for one in answers
        )

    def request(self, method: str, url: str, **asked: Any) -> requests.Response:
        """What http_client.request does."""
        path = urlsplit(url).path
        self.asked.append({"method": method, "url": url, "path": path, **asked})
        waiting = self.routes[path]
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    @property
    def paths(self) -> list[str]:
        """The paths of the requests, in order."""
        return [asked["path"] for asked in self.asked]

    def queries(self, path: str) -> list[Mapping[str, Any]]:
        """The queries of the requests to a path, in order."""
        return [asked["query"] for asked in self.asked if asked["path"] == path]
