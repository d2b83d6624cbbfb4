"""The AWS account as botocore's own credential chain reaches it.

boto3 is imported only when a client is asked for: it takes longer than everything else that `--help` does.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cloud_sync_common.safe_text import protect

from console.aws_refusals import SERVICE, explained
from console.errors import UsageError

if TYPE_CHECKING:
    import boto3

__all__ = ["AwsAccount", "explained"]

_ATTEMPTS = 5


class AwsAccount:
    """Clients of one profile and region (None: what botocore finds by itself)."""

    def __init__(self, profile: str | None = None, region: str | None = None) -> None:
        self._profile, self._region = profile, region
        self._session: boto3.Session | None = None
        self._clients: dict[str, Any] = {}
        self._tables: dict[str, Any] = {}
        self._making = threading.Lock()  # a session must not make two clients at once (boto3, "Session")

    @property
    def region(self) -> str:
        """Empty when there is none."""
        return self.session.region_name or ""

    @property
    def session(self) -> boto3.Session:
        """Raises botocore's errors, as does everything here; `explained` says what they mean."""
        import boto3  # noqa: PLC0415 (see above)

        if self._session is None:
            self._session = boto3.Session(profile_name=self._profile, region_name=self._region)
            self._session.events.register("after-call", _note_service)
            self._session.events.register("before-sign", self._protect)
        return self._session

    def _protect(self, **_: Any) -> None:
        """Nothing that is printed contains the credentials that sign a request, whoever repeats them."""
        if self._session and (credentials := self._session.get_credentials()):
            used = credentials.get_frozen_credentials()
            protect(used.secret_key, used.token)

    def _check_region(self) -> None:
        """Raises NoRegionError also for an empty one, of which botocore makes an address that is none."""
        from botocore.exceptions import NoRegionError  # noqa: PLC0415 (see above)

        if not self.session.region_name:
            raise NoRegionError

    def client(self, service: str) -> Any:
        """A client of that service, made once."""
        from botocore.config import Config  # noqa: PLC0415 (see above)

        with self._making:
            self._check_region()
            if service not in self._clients:
                retries = Config(retries={"mode": "standard", "total_max_attempts": _ATTEMPTS})
                with _addressed():
                    self._clients[service] = self.session.client(service, config=retries)  # type: ignore[call-overload]
            return self._clients[service]

    def table(self, name: str) -> Any:
        """A table of DynamoDB, as the stores of the function code take it, made once."""
        with self._making, _addressed():
            self._check_region()
            if name not in self._tables:
                self._tables[name] = self.session.resource("dynamodb").Table(name)
            return self._tables[name]


@contextmanager
def _addressed() -> Iterator[None]:
    """Around the making of a client. Raises UsageError for an address that is none, for which botocore has no class."""
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415 (see above)

    try:
        yield
    except BotoCoreError:
        raise
    except ValueError as error:
        if explained(error):  # credentials that could not be read
            raise
        raise UsageError(
            "The address in AWS_ENDPOINT_URL, or in `endpoint_url` of the AWS profile, is none. Unset it, or give it "
            "one such as https://HOST:PORT."
        ) from None


def _note_service(parsed: Any = None, model: Any = None, **_: Any) -> None:
    """Which service an answer is of: an error of botocore names the operation alone."""
    if isinstance(parsed, dict) and "Error" in parsed and model is not None:
        parsed[SERVICE] = model.service_model.service_name
