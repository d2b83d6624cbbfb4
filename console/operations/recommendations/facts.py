"""What recommendations are made of: the figures of cost, and what the stack was deployed with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.operations.cost import Figures

MEASURED, ESTIMATED = "CloudWatch's daily measurement of the bucket", "the bytes in the ledger"


@dataclass(frozen=True)
class Facts:
    """`values` are those of docs/configuration.md; empty where the stack is of a version that does not say them."""

    found: Figures
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> float:
        """Originals that arrive in a month."""
        return self.found.growth.originals

    @property
    def bytes(self) -> float:
        return self.found.growth.bytes

    @property
    def average(self) -> float:
        """Bytes of an original that arrives; 0 where none does."""
        return self.bytes / self.files if self.files else 0.0

    @property
    def basis_of_growth(self) -> str:
        return f"the ledger, what runs archived in {self.found.growth.by}"

    @property
    def basis_of_storage(self) -> str:
        return MEASURED if self.found.measured else ESTIMATED

    @property
    def standard(self) -> int:
        """Bytes in S3 Standard."""
        return sum(tier.bytes for tier in self.found.tiers if tier.storage_type == "StandardStorage")

    def number(self, value: str) -> int | None:
        """A value of the deployment that is a number; None where it has none, or is not known."""
        found = self.values.get(value)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def deploy(self, value: str = "") -> str:
        """The command that deploys the environment with another value."""
        return f"cdk deploy -c environment={self.found.environment}{f' -c {value}' if value else ''}"
