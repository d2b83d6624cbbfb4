"""Synthesises the stack of each environment in process, and makes its template easy to read for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from cloud_sync.cloud_sync_stack import CloudSyncStack
from cloud_sync.config import Config

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ("dev", "staging", "prod", "local")
INVOKED_BY_THE_STATE_MACHINE = (
    "media-authenticator", "media-lister", "video-downloader", "failure-recorder", "run-report", "archive-reconciler",
    "catalogue-writer",
)  # fmt: skip
# The one by restores and S3's events, the other by Secrets Manager.
TOLD_OF_THE_STACK = (*INVOKED_BY_THE_STATE_MACHINE, "archive-thawer", "credentials-rotator")
FUNCTIONS = (*TOLD_OF_THE_STACK, "frame-maker")  # which catalogue-writer invokes

# Fixed values, so that a template does not depend on the machine.
PINNED = {"architecture": "arm64", "python_version": "3.13"}

NOBODY_IS_TOLD = {"alert_email": "none"}  # an environment with a schedule is refused unless this is said

# The properties that hold the name of a resource in the account.
NAMES = (
    "AlarmName", "AliasName", "DashboardName", "FunctionName", "LogGroupName", "ManagedPolicyName", "Name", "QueueName",
    "StateMachineName",
    "TableName", "TopicName",
)  # fmt: skip

type Resource = dict[str, Any]


class Synthesis:
    """The stack of each environment, also with overridden values; each is synthesised once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.of = cache(self._of)

    def _of(self, environment: str, **overrides: str) -> Synthesised:
        name = "-".join([environment, *(f"{key}={value}" for key, value in overrides.items())])
        app = new_app(self._folder / name, environment=environment, **overrides)
        return Synthesised(app)


def new_app(folder: Path, **context: str) -> cdk.App:
    """An app with the context of cdk.json and these values, like that of `cdk synth -c key=value`."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    do_not_copy_assets = {"aws:cdk:disable-asset-staging": True}
    return cdk.App(context=flags | do_not_copy_assets | PINNED | NOBODY_IS_TOLD | context, outdir=str(folder))


class Synthesised:
    """One environment: its construct tree, its template, and ways to look up the template's resources."""

    def __init__(self, app: cdk.App, files: Path | None = None) -> None:
        self.app = app
        self.config = Config.from_context(app.node.get_all_context(), files)
        self.stack = CloudSyncStack(app, self.config.stack_name, config=self.config)
        self.assembly = app.synth()
        self.artifact = self.assembly.get_stack_by_name(self.config.stack_name)
        self.template: dict[str, Any] = self.artifact.template

    def resources(self, kind: str) -> dict[str, Resource]:
        """The resources of a type, such as AWS::S3::Bucket, by logical id."""
        return {key: value for key, value in self.template["Resources"].items() if value["Type"] == kind}

    def only(self, kind: str) -> Resource:
        """The one resource of its type."""
        (resource,) = self.resources(kind).values()
        return resource

    @property
    def machine(self) -> Resource:
        """The properties of the state machine of runs."""
        return self._state_machine("gopro-sync-orchestrator")

    @property
    def restorer(self) -> Resource:
        """The properties of the state machine of restores."""
        return self._state_machine("gopro-sync-restorer")

    def _state_machine(self, name: str) -> Resource:
        machines = (one["Properties"] for one in self.resources("AWS::StepFunctions::StateMachine").values())
        (found,) = (one for one in machines if one["StateMachineName"].startswith(name))
        return found

    def named(self, kind: str, name: str) -> Resource:
        """The one resource of its type that has this name in the account."""
        (resource,) = (r for r in self.resources(kind).values() if name in _names(r["Properties"]))
        return resource

    @cached_property
    def buckets(self) -> dict[str, str]:
        """Logical id of the bucket `archive` and of the bucket `work`."""
        outputs = self.template["Outputs"]
        return {"archive": outputs["ArchiveBucket"]["Value"]["Ref"], "work": outputs["WorkBucket"]["Value"]["Ref"]}

    def bucket(self, which: str) -> dict[str, Any]:
        """The properties of the bucket `archive` or `work`."""
        properties: dict[str, Any] = self.template["Resources"][self.buckets[which]]["Properties"]
        return properties

    def function(self, name: str) -> dict[str, Any]:
        """The properties of a function, by its name in the default environment."""
        properties: dict[str, Any] = self.named("AWS::Lambda::Function", self.config.name(name))["Properties"]
        return properties

    @cached_property
    def labels(self) -> dict[str, str]:
        """What the tests call each resource: its name in the account if it has one, or its logical id."""
        labels = {key: sorted(_names(r.get("Properties", {})) or {key})[0] for key, r in self._all()}
        labels |= {self.buckets["archive"]: "archive", self.buckets["work"]: "work"}
        labels |= dict.fromkeys(self.resources("AWS::KMS::Key"), "key")
        return labels

    def _all(self) -> Iterator[tuple[str, Resource]]:
        yield from self.template["Resources"].items()

    def text(self, value: Any) -> str:
        """A value of the template as one text, with references in brackets: `<archive>/*` for all objects."""
        match value:
            case {"Ref": name} | {"Fn::GetAtt": [name, *_]}:
                return f"<{self.labels.get(name, name)}>"
            case {"Fn::Join": [separator, parts]}:
                return str(separator).join(self.text(part) for part in parts)
            case {"Fn::Sub": text} | str(text):
                return str(text)
        raise AssertionError(f"the tests cannot read this intrinsic function yet: {value}")

    def policy_of(self, role: Any) -> dict[str, set[str]]:
        """The actions that a role may take, by resource. `role` is a reference to it."""
        role_id = role["Fn::GetAtt"][0]
        granted: dict[str, set[str]] = {}
        for policy in self.resources("AWS::IAM::Policy").values():
            if {"Ref": role_id} in policy["Properties"]["Roles"]:
                allowed = [s for s in policy["Properties"]["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
                for statement in allowed:
                    for resource in as_list(statement["Resource"]):
                        granted.setdefault(self.text(resource), set()).update(as_list(statement["Action"]))
        return granted

    def statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every policy document in the template, with the type of the resource that has it."""
        for _, resource in self._all():
            for document in _documents(resource.get("Properties", {})):
                for statement in document["Statement"]:
                    yield resource["Type"], statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _names(properties: dict[str, Any]) -> set[str]:
    """The name that a resource has in the account, if the template sets one."""
    return {properties[key] for key in NAMES if isinstance(properties.get(key), str)}


def _documents(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("Statement"), list):
            yield value
        for inner in value.values():
            yield from _documents(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _documents(inner)
