"""Settings: what may change without a deployment, its history and undo, and what a deployment alone changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Any

import msgspec
from cloud_sync_common.filters import PHOTO, VIDEO
from cloud_sync_common.stores.provider_settings import Mails
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse

from console.errors import ConsoleError, UsageError
from console.operations import deployed_config, settings
from console.operations.deployed_config import Deployed
from console.operations.settings import Current, Difference
from console.operations.settings_words import with_changes
from console.stack import Stack
from console.web import settings_form
from console.web.page import field, page, seen
from console.web.words import count_of, typed

_VERSIONS = 20
_FROM_THE_FORM = ("mails", "photos", *(one.name for one in settings_form.FIELDS))


@dataclass(frozen=True)
class Settings:
    """The pages about the settings of a stack, one for each provider, and what they do."""

    stack: Stack

    def first(self, request: Request) -> RedirectResponse:  # noqa: ARG002 (as every view)
        """There is no page of all providers: each has settings of its own."""
        return seen(f"/settings/{typed(next(iter(self.stack.secrets)))}")

    def view(self, request: Request) -> HTMLResponse:
        """As they are."""
        read = self._read(request)
        return self._page(read, settings_form.typed_values(read.settings), {})

    def change(self, request: Request) -> HTMLResponse | RedirectResponse:
        """Writes the next version. What does not fit is said at its field, and what was typed stays."""
        read, deployed = self._read(request), deployed_config.deployed(self.stack)
        values = {name: field(request, name) for name in _FROM_THE_FORM}
        unfit = self._unfit(read.provider)
        changes = {name: text for name, text in settings_form.assignments_of(values).items() if name not in unfit}
        check = partial(settings.checked, provider=read.provider, deployed=deployed)
        errors = dict(settings_form.errors_of(read.settings, changes, check))
        if field(request, "version") != str(read.stored.version):
            errors = {"": "Somebody has changed these settings since this page was opened. Compare them with the "
                      "history below, and save again if yours are right."}  # fmt: skip
        if errors:
            return self._page(read, values, errors, status=400)
        settings.change(self.stack, settings.readable(read), check(with_changes(read.settings, [*changes.values()])))
        return seen(f"/settings/{typed(read.provider)}#history")

    def undo(self, request: Request) -> RedirectResponse:
        """Goes back to a version, which becomes the next one, so that this can be undone, too."""
        read, deployed = self._read(request), deployed_config.deployed(self.stack)
        to = field(request, "to")
        if not to.isdecimal() or len(to) > 6:
            raise UsageError("A version is a number of the history.")
        if field(request, "version") != str(read.stored.version):
            raise ConsoleError("Somebody has changed these settings since this page was opened. Open it again.")
        wanted = settings.checked(settings.undone(self.stack, read, int(to)), read.provider, deployed)
        settings.change(self.stack, read, wanted)
        return seen(f"/settings/{typed(read.provider)}#history")

    def _read(self, request: Request) -> Current:
        return settings.current(self.stack, self.stack.provider(request.path_params["provider"]))

    def _unfit(self, provider: str) -> frozenset[str]:
        from cloud_sync_common import providers  # noqa: PLC0415 (half a second)

        return frozenset(providers.get(provider, {}).capabilities.unfit_filters)

    def _page(
        self, read: Current, values: Mapping[str, str], errors: Mapping[str, str], status: int = 200
    ) -> HTMLResponse:
        deployed = deployed_config.deployed(self.stack)
        unfit = self._unfit(read.provider)
        return page(
            self.stack, "settings.html", "/settings", status,
            read=read, values=values, errors=errors, providers=list(self.stack.secrets),
            fields=[one for one in settings_form.FIELDS if settings_form.filter_of(one.name) not in unfit],
            filter_of=settings_form.filter_of, mails=settings_form.MAILS, photos=settings_form.PHOTOS,
            keep=settings_form.KEEP, history=self._history(read.provider),
            deployed=_shown(deployed), lasting=_shown_filters(deployed, read.provider),
            summary=_summary(read, deployed), version=deployed.version, age=deployed_config.age_of(deployed),
        )  # fmt: skip

    def _history(self, provider: str) -> list[dict[str, Any]]:
        found = settings.versions(self.stack, provider, _VERSIONS + 1)
        pairs = list(zip_longest(found, found[1:]))[:_VERSIONS]
        return [
            {
                "version": one.version,
                "changed_at": one.changed_at,
                "who": one.changed_by.rpartition(":")[2],
                "changes": [_sentence(each) for each in settings.differences_of(one, earlier)],
                "before": earlier.version if earlier else 0,
            }
            for one, earlier in pairs
            if one
        ]


def _summary(read: Current, deployed: Deployed) -> dict[str, str]:
    """What its runs take, and which mails come, for the headline."""
    filters = deployed.filters(read.provider) | read.settings.filters
    limits = sum(value is not None for name, value in filters.items() if name != "kinds")
    kinds = filters.get("kinds")
    what = "videos and photos" if isinstance(kinds, list) and PHOTO in kinds and VIDEO in kinds else "videos"
    if kinds == [PHOTO]:
        what = "photos"
    mails = {
        Mails.EVERY_NIGHT: "a mail after every night",
        Mails.ONLY_NEWS: "a mail after a night with news",
        Mails.ONLY_TROUBLE: "a mail only when something is wrong",
    }
    limited = f"{what}, with {count_of(limits, 'filter')}" if limits else f"all {what}"
    return {"what": limited, "mails": mails[read.settings.mails]}


def _sentence(one: Difference) -> str:
    return f"{one.field}: {_text(one.before)} → {_text(one.after)}"


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _shown(deployed: Deployed) -> list[tuple[str, str]]:
    return [(name, _text(value)) for name, value in sorted(deployed.values.items())]


def _shown_filters(deployed: Deployed, provider: str) -> dict[str, str]:
    """What was deployed for a filter, which holds where its field is empty."""
    found = deployed.filters(provider)
    folders = found.get("folders")
    parts = {name: value for name, value in folders.items() if value} if isinstance(folders, Mapping) else {}
    return {name: _text(value) for name, value in (found | parts).items() if name != "folders"}
