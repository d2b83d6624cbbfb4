"""Closes the emulator to everyone but the user who started it, and lets policies see what AWS's do. Each function is
one of the gaps of emulator_gaps.py.

Upstream takes anyone who names the key "test", a number as the key or no key at all for root, and checks no signature
of root. On a machine with several users, any of them could then create a function, which runs as the owner.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import secrets
import types

from hypercorn.asyncio.tcp_server import TCPServer
from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime, router
from ministack.services import sts
from peers import is_foreign

KEY_ID, SECRET_KEY = "CLOUD_SYNC_ROOT_KEY_ID", "CLOUD_SYNC_ROOT_SECRET_KEY"
# Open without a signature: whether it is ready, and what a custom resource answers, by a random token.
_READY, _CUSTOM_RESOURCE = "/_ministack/ready", "/_ministack/cfn-response/"
_ADMINISTRATION = ("/_ministack/", "/_localstack/")


def root_by_signature() -> None:
    """Root is whoever signs with the keys of this deployment, which are checked as those of a user are."""
    account = os.environ["MINISTACK_ACCOUNT_ID"]
    root = {
        "Arn": f"arn:aws:iam::{account}:root",
        "AccountId": account,
        "UserId": account,
        "PrincipalType": "Root",
        # Out of the environment, which every function inherits.
        "SecretAccessKey": os.environ.pop(SECRET_KEY),
    }
    sts.register_session(os.environ.pop(KEY_ID), root)


def signed_requests_only() -> None:
    """Whatever comes over the network is signed by a known key; upstream also serves callers without one as root.
    Its own calls between services, which it addresses with the account's number as the key, do not come this way."""
    handle = app._handle_pre_body_request

    async def handle_signed(method, path, headers, query_params, request_id):
        open_to_all = path == _READY or path.startswith(_CUSTOM_RESOURCE)
        key = router.extract_access_key_id(headers, query_params)
        if not open_to_all and (path.startswith(_ADMINISTRATION) or iam_evaluator.is_root_access_key(key)):
            form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
            service = "sts" if form else router.detect_service(method, path, headers, query_params)
            return _refusal(service, request_id, headers)
        return await handle(method, path, headers, query_params, request_id)

    app._handle_pre_body_request = handle_signed


def _refusal(service, request_id, headers):
    error = iam_evaluator.AuthError("UnrecognizedClientException", "The security token in the request is invalid.")
    return app._credential_failure(service, "", request_id, error, headers)


def http_only() -> None:
    """No WebSockets, and nothing of the broker for databases: upstream serves both before it looks at credentials."""
    serve = app.app

    async def serve_http(scope, receive, send):
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http" and scope["path"].startswith("/_ministack/rds/"):
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        else:
            await serve(scope, receive, send)

    app.app = serve_http


def secret_function_keys() -> None:
    """The keys of a function's role cannot be computed; upstream derives them from the names of function and role."""
    salt = secrets.token_bytes(32)
    lambda_runtime.hashlib = types.SimpleNamespace(
        **{**vars(hashlib), "sha256": lambda data: hashlib.sha256(salt + data)}
    )


def own_user_only() -> None:
    """A connection that another user of this machine has opened is closed, where the system tells whose it is."""
    run = TCPServer.run

    async def run_for_owner(self):
        peer, server = self.writer.get_extra_info("peername"), self.writer.get_extra_info("sockname")
        if peer is None or server is None or not is_foreign(peer[1], server[1]):
            await run(self)
        else:
            self.writer.transport.abort()

    TCPServer.run = run_for_owner


def condition_keys() -> None:
    """Policies see which rows a request names, and whether a write makes an object, only where there is none, and with
    a key of the caller; upstream does not know these condition keys."""
    of_table, of_object = iam_actions.dynamodb_service_context, iam_actions.s3_service_context

    def table_context(body):
        return of_table(body) | _leading_keys(_request(body))

    def object_context(action, query, path="", headers=None):
        found = of_object(action, query, path, headers)
        return found | (_write_keys(query or {}, headers or {}) if action == "s3:PutObject" else {})

    iam_actions.dynamodb_service_context, iam_actions.s3_service_context = table_context, object_context


def _request(body):
    try:
        return json.loads(body or b"{}")
    except ValueError:
        return {}


def _leading_keys(request):
    """What is no request of DynamoDB's names no row; the emulator itself then answers as AWS would."""
    try:
        found = [row["pk"]["S"] for row in _named(request) if "pk" in row] + _queried(request)
    except (AttributeError, KeyError, TypeError):
        return {}
    return {"dynamodb:LeadingKeys": found} if found else {}


def _named(request):
    """The keys and rows of a request for one row, a batch or a transaction (API reference, BatchGetItem,
    BatchWriteItem, TransactGetItems, TransactWriteItems)."""
    yield from (request.get("Key", {}), request.get("Item", {}))
    for batch in request.get("RequestItems", {}).values():
        if isinstance(batch, dict):
            yield from batch.get("Keys", [])
        else:
            yield from (row for write in batch for what in write.values() for row in what.values())
    for step in request.get("TransactItems", []):
        yield from (what.get("Key") or what.get("Item", {}) for what in step.values())


def _queried(request):
    """The partition key that a query of the table itself names."""
    if "IndexName" in request:
        return []
    names = request.get("ExpressionAttributeNames", {})
    equal = re.findall(r"([#\w]+)\s*=\s*(:\w+)", request.get("KeyConditionExpression", ""))
    return [request["ExpressionAttributeValues"][value]["S"] for name, value in equal if names.get(name, name) == "pk"]


def _write_keys(query, headers):
    is_part_or_begin = "partNumber" in query or "uploads" in query
    found = {"s3:ObjectCreationOperation": "false" if is_part_or_begin else "true"}
    conditions = ("if-none-match", "x-amz-server-side-encryption-customer-algorithm")
    return found | {f"s3:{name}": headers[name] for name in conditions if name in headers}


# Each gap, with a check that an unpatched emulator still has it.
ACCESS_GAPS = {
    root_by_signature: lambda: iam_evaluator.is_root_access_key("test"),
    signed_requests_only: lambda: iam_evaluator.is_root_access_key(""),
    http_only: lambda: "rds_iam" in app.app.__code__.co_names and "websocket" in app.app.__code__.co_consts,
    secret_function_keys: lambda: "sha256" in lambda_runtime.execution_credentials.__code__.co_names,
    condition_keys: lambda: not re.search("LeadingKeys|ObjectCreationOperation", inspect.getsource(iam_actions)),
    own_user_only: lambda: "is_foreign" not in TCPServer.run.__code__.co_names,
}
