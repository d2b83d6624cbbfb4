"""What a test or the demo may do to the fake Dropbox while it runs."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aiohttp import web

from local.fake_providers.control import CommonControl, Json, Operation, common_operations, served
from local.fake_providers.dropbox_faults import DropboxFault
from local.fake_providers.dropbox_state import HOME, DropboxState, described
from local.fake_providers.library import LibraryError

_TIMES = {"captured_at": "2026-06-30T12:00:00Z", "created_at": "2026-06-30T12:00:00Z"}


class DropboxControl(CommonControl[DropboxState]):
    """Everything that can be done. Paths are those below the account's home, such as `/Trips/a.mp4`."""

    kinds = DropboxFault

    def __init__(self, state: DropboxState) -> None:
        super().__init__(state)
        self._first = state.link_seconds, state.page_size

    def put_file(self, path: str, source: str, **more: Any) -> str:
        """Upload a file: a new one, or a new revision of the one at `path`; returns its id. `source` is a file of the
        library's folder, relative to it; `more` are fields that an item of `library.json` may have, such as
        `client_modified`, `is_downloadable` or `refusal`."""
        return self._state.tree.put(HOME + path, self._source(source), **described(_TIMES | more)).entry_id

    def _source(self, name: str) -> Path:
        folder = self._state.library.folder
        if not (folder / name).resolve().is_relative_to(folder.resolve()) or not (folder / name).is_file():
            raise LibraryError(f"{name!r} is not a file in {folder}.")
        return folder / name

    def put_many(self, count: int, source: str, folder: str = "/Many") -> None:
        """Upload `count` films with the content of `source`, a thousand to a folder, for tests of scale."""
        path, fields = self._source(source), described(_TIMES)
        for number in range(count):
            self._state.tree.put(f"{HOME}{folder}/{number // 1000:03}/GX{number:06}.MP4", path, **fields)

    def put_folder(self, path: str) -> None:
        """Make a folder."""
        self._state.tree.make_folder(HOME + path)

    def delete(self, path: str) -> None:
        """Delete a file or a folder."""
        self._state.tree.delete(HOME + path)

    def move(self, path: str, target: str) -> None:
        """Move or rename a file or a folder."""
        self._state.tree.move(HOME + path, HOME + target)

    def id_of(self, path: str) -> str:
        """The id of the file or folder that is there; raises KeyError when there is none."""
        found = self._state.tree.find(HOME + path)
        if found is None or found.deleted:
            raise KeyError(path)
        return found.entry_id

    def put_team_file(self, path: str, source: str) -> str:
        """Upload a file into the team's space, outside of the account's home; returns its id."""
        return self._state.tree.put(path, self._source(source), **described(_TIMES)).entry_id

    def join_team(self) -> str:
        """Give the account a new root, that of a team's space, above its home; returns the root's namespace."""
        return self._state.account.join_team()

    def reset_cursors(self) -> None:
        """Let every cursor issued so far be answered with 409 reset."""
        self._state.epoch += 1

    def revoke(self) -> None:
        """Take back every consent, as the owner can on Dropbox's page of connected apps."""
        self._state.tokens.revoke()

    def set_app_disabled(self, disabled: bool) -> None:
        """Disable the app, or enable it again, as Dropbox can."""
        self._state.tokens.disabled = disabled

    def set_email_verified(self, verified: bool) -> None:
        """Whether the owner's email address is verified: without that, there are no temporary links."""
        self._state.account.email_verified = verified

    def set_lifetimes(self, *, access_token_seconds: float | None = None, link_seconds: float | None = None) -> None:
        """Set the lifetime of tokens and links issued from now on."""
        if access_token_seconds is not None:
            self._state.tokens.access_seconds = access_token_seconds
        if link_seconds is not None:
            self._state.link_seconds = link_seconds

    def set_page_size(self, rows: int) -> None:
        """Limit the entries of each page of a listing, whatever the request asks for."""
        self._state.page_size = rows

    def consent(self, query: Mapping[str, str]) -> str:
        """The code that the owner gets who allows what the query of the authorization page asks for."""
        return self._state.tokens.consent(self._state.tokens.request(query))

    def originals(self) -> list[Json]:
        """Every video that a complete archive has, as plain data; paths are on this machine."""
        return [{**asdict(original), "path": str(original.path)} for original in self._state.originals()]

    def reset(self) -> None:
        """Return to the initial state, with the first files and tokens, and no team; earlier cursors are reset."""
        super().reset()
        self._state.link_seconds = self._first[0]
        self._state.page_size = self._first[1]
        self._state.account.team_namespace, self._state.account.email_verified = None, True
        self._state.tokens.reset()
        self._state.fill()
        self._state.epoch += 1


def control_routes(control: DropboxControl) -> list[web.RouteDef]:
    """The operations of DropboxControl over HTTP: one row each."""
    own: list[Operation] = [
        ("POST", "files", lambda body: {"id": control.put_file(**body)}),
        ("POST", "many", lambda body: control.put_many(**body)),
        ("POST", "folders", lambda body: control.put_folder(body["path"])),
        ("POST", "delete", lambda body: control.delete(body["path"])),
        ("POST", "move", lambda body: control.move(body["path"], body["target"])),
        ("POST", "id", lambda body: {"id": control.id_of(body["path"])}),
        ("POST", "team_files", lambda body: {"id": control.put_team_file(**body)}),
        ("POST", "join_team", lambda _: {"root_namespace_id": control.join_team()}),
        ("POST", "reset_cursors", lambda _: control.reset_cursors()),
        ("POST", "revoke", lambda _: control.revoke()),
        ("POST", "app_disabled", lambda body: control.set_app_disabled(bool(body["disabled"]))),
        ("POST", "email_verified", lambda body: control.set_email_verified(bool(body["verified"]))),
        ("POST", "lifetimes", lambda body: control.set_lifetimes(**body)),
        ("POST", "page_size", lambda body: control.set_page_size(int(body["rows"]))),
        ("POST", "consent", lambda body: {"code": control.consent(body)}),
        ("GET", "originals", lambda _: control.originals()),
    ]
    return served([*common_operations(control), *own])
