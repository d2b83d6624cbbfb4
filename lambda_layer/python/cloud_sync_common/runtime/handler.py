"""What every Lambda handler does around its step: bind the run, log, trace, and let no foreign exception's text out.

A handler takes the event and Lambda's context and returns something JSON-ready or a msgspec struct.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeAliasType, cast, overload

import msgspec

from cloud_sync_common import correlation
from cloud_sync_common.exceptions import CloudSyncError, ConfigurationError, UnexpectedError
from cloud_sync_common.logging_utils import guard_root_handlers, logger
from cloud_sync_common.retry_utils import LambdaContext
from cloud_sync_common.runtime.run_input import field_of
from cloud_sync_common.safe_text import redact, redacted
from cloud_sync_common.xray_utils import bounded, tracer

NAME_LIMIT = 64  # characters of a provider's name; an input may hold anything

type Handler = Callable[[Any, LambdaContext], Any]


def lambda_handler(function: Handler) -> Handler:
    """Wraps a handler. Errors of our own tree pass unchanged, because Step Functions matches their names. Any other
    exception becomes UnexpectedError, because its text may contain a URL or a token."""

    @logger.inject_lambda_context
    @tracer.capture_lambda_handler(capture_response=False, capture_error=False)
    @wraps(function)
    def wrapped(event: Any, context: LambdaContext) -> Any:
        # A rotation belongs to no run; the token of Secrets Manager identifies it instead.
        guard_root_handlers()  # those that were added since the import
        run_id = str(field_of(event, "run_id") or field_of(event, "ClientRequestToken") or "")
        with correlation.bound_to(run_id, _provider_of(event)), bounded():
            tracer.put_annotation("run_id", run_id or "none")
            try:
                return redacted(msgspec.to_builtins(function(event, context)))
            except CloudSyncError as error:
                error.args = (redact(str(error)),)  # Step Functions keeps it
                logger.error(str(error), extra={"error": type(error).__name__, "category": error.category})
                raise
            except Exception as error:
                logger.exception("unexpected", extra={"error": type(error).__name__})
                raise UnexpectedError(f"A defect in Cloud Sync ({type(error).__name__}); see the log.") from None

    return cast(Handler, wrapped)


def _provider_of(event: Any) -> str:
    """What the event names as its provider: by itself, in the input of a run, or in the state of one that failed."""
    places = (event, field_of(event, "input"), field_of(event, "state"))
    named = (field_of(place, "provider") for place in places)
    return next((name[:NAME_LIMIT] for name in named if isinstance(name, str)), "")


@overload
def decode[Request](event: Any, kind: type[Request]) -> Request: ...
@overload
def decode(event: Any, kind: TypeAliasType) -> Any: ...
def decode(event: Any, kind: Any) -> Any:
    """The event as the request that a handler expects; `kind` may be a tagged union of several.

    Raises ConfigurationError naming the field that does not fit.
    """
    try:
        return msgspec.convert(event, kind)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The event does not fit: {error}.") from None
