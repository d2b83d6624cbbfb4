"""The state of the fake Google Drive: what it holds, its tokens, its rules and settings."""

from dataclasses import asdict, dataclass, field
from typing import Any

from local.fake_providers.faults import Clock, FaultRules
from local.fake_providers.google_drive_paging import MOST_ROWS, PAGE_TOKEN_SECONDS
from local.fake_providers.google_drive_tree import DriveFile, Tree, described, fill, stamp
from local.fake_providers.google_oauth import Authorization
from local.fake_providers.gopro_state import RequestLog
from local.fake_providers.library import Item, Library, Original


@dataclass
class DriveState:
    """The state of one fake Google Drive. `most_rows` is the most that a page has; `page_token_seconds` are of the
    fake's clock."""

    library: Library
    clock: Clock
    tokens: Authorization
    faults: FaultRules
    tree: Tree = field(default_factory=Tree)
    log: RequestLog = field(default_factory=RequestLog)
    most_rows: int = MOST_ROWS
    page_token_seconds: float = PAGE_TOKEN_SECONDS

    def now(self) -> str:
        """The time of the fake's clock, as Drive writes it."""
        return stamp(self.clock.now())

    def fill(self) -> None:
        """Begin with what the library describes, and nothing else."""
        fill(self.tree, self.library, self.now())

    def put_item(self, item: Item) -> None:
        """Add the files of an item of the library, or replace those with the same ids."""
        for file in described(self.tree, self.library, item, self.now()):
            self.tree.put(file, self.now())

    def can_see(self, file: DriveFile, *, include_all: bool) -> bool:
        """Whether the account sees a file: one of a shared drive only if it asks for these, and is a member."""
        if not file.drive_id:
            return True
        drive = self.tree.drive(file.drive_id)
        return include_all and drive is not None and not drive.lost

    def originals(self, *, everything: bool = False) -> list[dict[str, Any]]:
        """Every video that an archive of the account's own files has; with `everything`, also those that are not
        `is_mine`: of shared drives (`origin` is the drive's id), and those that others have shared."""
        found = []
        for file in self.tree.files():
            wanted = file.is_mine or (everything and self.can_see(file, include_all=True))
            if wanted and file.head and file.is_video and file.downloadable and not self.tree.in_trash(file):
                original = Original(file.file_id, file.name, 1, 1, file.head.source, file.size)
                place = {"path": str(file.head.source), "origin": file.drive_id, "is_mine": file.is_mine}
                found.append({**asdict(original), **place})
        return found
