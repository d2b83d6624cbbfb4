"""The control API of a running fake Google Drive: the same operations as methods and as JSON under `/_control/`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from local.fake_providers.control import CommonControl, Json, Operation, common_operations, served
from local.fake_providers.faults import ActiveFaults
from local.fake_providers.google_drive_faults import DriveEndpoint, DriveFault
from local.fake_providers.google_drive_state import DriveState
from local.fake_providers.google_drive_tree import ROOT, revision_of, stamp
from local.fake_providers.google_oauth import READ_FILES
from local.fake_providers.library import LibraryError

_TIMES = {"captured_at": "2026-06-30T12:00:00Z", "created_at": "2026-06-30T12:00:00Z"}


class DriveControl(CommonControl[DriveState]):
    """Everything that a test or the demo may do to the fake Google Drive while it runs, from any thread."""

    kinds = DriveFault

    def __init__(self, state: DriveState) -> None:
        super().__init__(state)
        self._first_page_token_seconds, self._first_most_rows = state.page_token_seconds, state.most_rows

    def set_lifetimes(
        self, *, access_token_seconds: float | None = None, page_token_seconds: float | None = None
    ) -> None:
        """Set the lifetime of access tokens and of page tokens issued from now on."""
        if access_token_seconds is not None:
            self._state.tokens.access_seconds = access_token_seconds
        if page_token_seconds is not None:
            self._state.page_token_seconds = page_token_seconds

    def set_testing(self, testing: bool = True) -> None:
        """Set the app's publishing status: consents given in "Testing" end after seven days."""
        self._state.tokens.testing = testing

    def connect(self) -> str:
        """Consent anew, as the user does with the app's present status; returns the refresh token, now the latest."""
        tokens, uri = self._state.tokens, "http://127.0.0.1:1"
        query = {"client_id": tokens.client_id, "redirect_uri": uri, "response_type": "code", "scope": READ_FILES}
        code = tokens.consent(tokens.request(query), READ_FILES)
        tokens.exchange({"code": code, "redirect_uri": uri}, ActiveFaults(DriveEndpoint.CODE))
        return tokens.refresh_token

    def revoke_consent(self) -> None:
        """Take back every consent, as the user can."""
        self._state.tokens.revoke_consent()

    def set_page_size(self, rows: int) -> None:
        """Limit the rows of each page, whatever the request asks for."""
        self._state.most_rows = rows

    def put_item(self, description: Mapping[str, Any]) -> None:
        """Add a file, or replace the one with that id; `description` is an entry of `library.json`."""
        self._state.put_item(self._state.library.put(description))

    def put_many(self, count: int, source: str, folder: str = "Many") -> None:
        """Upload `count` films with the content of `source`, a file of the library's folder."""
        for number in range(count):
            self.put_item({"id": f"many{number}", "path": f"{folder}/GX{number:06}.MP4", "sources": [source], **_TIMES})

    def put_folder(self, path: str, shared_drive: str = "") -> str:
        """The id of a folder in My Drive or in a shared drive, which is created if it is not there."""
        now = self._state.now()
        drive_id = self._state.tree.make_drive(shared_drive, now).drive_id if shared_drive else ""
        return self._state.tree.make_folder(path, drive_id, now)

    def put_shared_drive(self, name: str) -> str:
        """The id of the shared drive of this name, which is created if there is none."""
        return self._state.tree.make_drive(name, self._state.now()).drive_id

    def lose_shared_drive(self, drive_id: str) -> None:
        """End the account's membership of a shared drive."""
        self._state.tree.lose_drive(drive_id, self._state.now())

    def trash_item(self, file_id: str) -> None:
        """Move a file or a folder to the trash."""
        self._change(file_id, trashed=True)

    def restore_item(self, file_id: str) -> None:
        """Take a file or a folder out of the trash."""
        self._change(file_id, trashed=False)

    def delete_item(self, file_id: str) -> None:
        """Delete a file for good."""
        self._state.tree.delete(file_id, self._state.now())

    def rename_item(self, file_id: str, name: str) -> None:
        """Give a file or a folder another name; another file may have it already."""
        self._change(file_id, name=name)

    def move_item(self, file_id: str, folder: str) -> None:
        """Move a file into a folder of My Drive, which is created if it is not there."""
        self._change(file_id, parents=(self._state.tree.make_folder(folder, "", self._state.now()),))

    def replace_content(self, file_id: str, source: str) -> None:
        """Upload another content: `source` is a file of the library's folder. The file gets a new head revision."""
        path = (self._state.library.folder / source).resolve()
        if not path.is_file() or not path.is_relative_to(self._state.library.folder.resolve()):
            raise LibraryError(f"{source!r} is not a file in {self._state.library.folder}.")
        self._add_revision(file_id, path)

    def _add_revision(self, file_id: str, path: Path) -> None:
        if (file := self._state.tree.get(file_id)) is None:
            raise KeyError(file_id)
        now = stamp(self._state.clock.now())
        self._change(file_id, revisions=(*file.revisions, revision_of(path, now)), modified=now)

    def _change(self, file_id: str, **changes: Any) -> None:
        self._state.tree.change(file_id, self._state.now(), **changes)

    def insert_between_pages(self, after_page: int = 1, item: Mapping[str, Any] | None = None) -> None:
        """Let one upload appear, right after the next `after_page` pages of files.list were sent."""
        rule: dict[str, Any] = {"endpoint": DriveEndpoint.LIST, "times": 1, "after": after_page - 1}
        self.add_fault(DriveFault.INSERT_ITEM, **rule, item=item)

    def originals(self, *, everything: bool = False) -> list[Json]:
        """Every file that belongs in a complete archive, as plain data; paths are on this machine."""
        return self._state.originals(everything=everything)

    def root(self) -> str:
        """The id of My Drive."""
        return ROOT

    def reset(self) -> None:
        """Return to the initial state, with the first library and credentials."""
        super().reset()
        self._state.page_token_seconds, self._state.most_rows = self._first_page_token_seconds, self._first_most_rows
        self._state.library.reset()
        self._state.tokens.reset()
        self._state.fill()


def drive_control_routes(control: DriveControl) -> list[web.RouteDef]:
    """The operations of DriveControl over HTTP: one row each."""
    own: list[Operation] = [
        ("POST", "lifetimes", lambda body: control.set_lifetimes(**body)),
        ("POST", "testing", lambda body: control.set_testing(bool(body.get("testing", True)))),
        ("POST", "connect", lambda _: {"refresh_token": control.connect()}),
        ("POST", "revoke_consent", lambda _: control.revoke_consent()),
        ("POST", "page_size", lambda body: control.set_page_size(int(body["rows"]))),
        ("POST", "items", control.put_item),
        ("DELETE", "items/{file_id}", lambda body: control.delete_item(body["file_id"])),
        ("POST", "items/{file_id}/trash", lambda body: control.trash_item(body["file_id"])),
        ("POST", "items/{file_id}/restore", lambda body: control.restore_item(body["file_id"])),
        ("POST", "items/{file_id}/name", lambda body: control.rename_item(body["file_id"], body["name"])),
        ("POST", "items/{file_id}/folder", lambda body: control.move_item(body["file_id"], body["folder"])),
        ("POST", "items/{file_id}/content", lambda body: control.replace_content(body["file_id"], body["source"])),
        ("POST", "many", lambda body: control.put_many(**body)),
        ("POST", "folders", lambda body: {"id": control.put_folder(**body)}),
        ("POST", "shared_drives", lambda body: {"id": control.put_shared_drive(body["name"])}),
        ("DELETE", "shared_drives/{drive_id}", lambda body: control.lose_shared_drive(body["drive_id"])),
        ("POST", "insert_between_pages", lambda body: control.insert_between_pages(**body)),
        ("GET", "originals", lambda _: control.originals(everything=True)),
    ]
    return served([*common_operations(control), *own])
