"""Infrastructure and function code never import each other, so these tests compare the names that they share."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from aws_lambda_powertools.shared import constants
from cloud_sync_common import composition, metrics_utils, providers
from cloud_sync_common.runtime import settings
from cloud_sync_common.steps.report import ReportRequest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cloud_sync import providers as infrastructure
from cloud_sync.layer import build_layer
from tests.locks import read
from tests.synthesis import ENVIRONMENTS, ROOT, TOLD_OF_THE_STACK, Synthesis, Synthesised

FUNCTION_CODE = ROOT / "lambda_layer" / "python" / "cloud_sync_common"
POWERTOOLS = {"POWERTOOLS_LOG_LEVEL", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"}

# The metrics of AWS that the stack uses: the services' user guides, "CloudWatch metrics".
AWS_METRICS = {
    ("AWS/Lambda", "Duration", ("FunctionName",)),
    ("AWS/Lambda", "Errors", ("FunctionName",)),
    ("AWS/Lambda", "Throttles", ("FunctionName",)),
    ("AWS/S3", "NumberOfObjects", ("BucketName", "StorageType")),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("QueueName",)),
    ("AWS/States", "ExecutionsFailed", ("StateMachineArn",)),
    ("AWS/States", "ExecutionsTimedOut", ("StateMachineArn",)),
    ("AWS/States", "ExecutionTime", ("StateMachineArn",)),
}

each_environment = pytest.mark.parametrize("environment", ENVIRONMENTS)


@pytest.fixture
def stack(synthesis: Synthesis, environment: str) -> Synthesised:
    return synthesis.of(environment)


def variables(stack: Synthesised, function: str) -> dict[str, str]:
    values = stack.function(function)["Environment"]["Variables"]
    return {name: stack.text(value) for name, value in values.items()}


# --- the functions' environment -------------------------------------------------------------------------------------


@each_environment
@pytest.mark.parametrize("name", TOLD_OF_THE_STACK)
def test_a_function_has_exactly_the_variables_that_its_code_reads(stack: Synthesised, name: str) -> None:
    fields = {field.name.upper() for field in msgspec.structs.fields(settings.Settings)}
    fields -= {"PROVIDER_BASE_URLS", "CREDENTIALS_SECRETS", "PROVIDER_OPTIONS"}  # of which each provider has its own
    assert set(variables(stack, name)) == fields | of_each("gopro") | POWERTOOLS


@each_environment
def test_what_decodes_pictures_is_told_nothing_of_the_stack(stack: Synthesised) -> None:
    assert set(variables(stack, "frame-maker")) == POWERTOOLS


def of_each(*names: str) -> set[str]:
    """The variables that these providers need, by the registry of the function code."""
    urls = {url for name in names for url in providers.PROVIDERS[name].base_urls}
    return {f"{name.upper()}_CREDENTIALS_SECRET" for name in names} | {f"{url.upper()}_BASE_URL" for url in urls}


def test_every_provider_of_the_function_code_can_be_named_in_an_environment() -> None:
    for name, registered in providers.PROVIDERS.items():
        known = infrastructure.PROVIDERS[name]
        assert {f"{url}_base_url" for url in registered.base_urls} == set(known.base_urls)
        assert (registered.title, name) == (known.title, providers.get(name, {}).name)
        options = msgspec.structs.fields(registered.options[1]) if registered.options else ()
        assert tuple(option.name for option in options) == known.options


@each_environment
@pytest.mark.parametrize("name", TOLD_OF_THE_STACK)
def test_the_function_code_can_read_the_variables_of_a_function(
    stack: Synthesised, name: str, environment: str
) -> None:
    of = stack.config.name
    assert settings.parse(variables(stack, name)) == settings.Settings(
        environment=environment,
        detailed_monitoring=environment == "prod",
        private_network=environment == "prod",
        audit_trail=environment == "prod",
        archive_bucket="<archive>",
        archive_storage_class="STANDARD",
        work_bucket="<work>",
        ledger_table=f"<{of('gopro-sync-tracker')}>",
        credentials_secrets={"gopro": of("gopro/credentials")},
        alerts_topic_arn=f"<{of('gopro-sync-alerts')}>",
        dead_letter_queue_url=f"<{of('gopro-sync-dlq')}>",
        filters={},
        max_run_gb=500 if environment == "prod" else 1000,
        max_attempts=5,
        connections_per_video=4,
        single_put_mib=128,
        check_source_etag=False,
        record_copies=False,
        catalogue_places=True,
        catalogue_requests=1000,
        frame_maker=of("frame-maker"),
        allow_loopback_sources=environment == "local",
        provider_base_urls={"gopro_api": "https://api.gopro.com", "gopro_images": "https://images-01.gopro.com"},
    )


def test_an_overridden_value_reaches_the_function_code(synthesis: Synthesis) -> None:
    overridden = synthesis.of(
        "dev",
        max_attempts="9",
        connections_per_video="2",
        record_copies="true",
        gopro_api_base_url="https://127.0.0.1:8443/",
        gopro_images_base_url="https://127.0.0.1:8444/",
        filters='{"gopro": {"types": ["mp4"]}}',
    )
    read = settings.parse(variables(overridden, "video-downloader"))
    assert (read.max_attempts, read.connections_per_video, read.record_copies) == (9, 2, True)
    assert read.filters == {"gopro": {"types": ["mp4"]}}
    assert read.provider_base_urls == {
        "gopro_api": "https://127.0.0.1:8443",
        "gopro_images": "https://127.0.0.1:8444",
    }


def test_powertools_reads_the_variables_that_are_set_for_it() -> None:
    known = {value for name, value in vars(constants).items() if name.isupper() and isinstance(value, str)}
    assert known >= POWERTOOLS


# --- alarms and dashboard -------------------------------------------------------------------------------------------


class Metric(msgspec.Struct, frozen=True):
    """A metric as an alarm or a widget names it."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


def metrics(stack: Synthesised) -> Iterator[Metric]:
    for resource in stack.resources("AWS::CloudWatch::Alarm").values():
        alarm = resource["Properties"]
        given = tuple((d["Name"], stack.text(d["Value"])) for d in alarm.get("Dimensions", []))
        yield Metric(alarm["Namespace"], alarm["MetricName"], given)
    dashboard = json.loads(stack.text(stack.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"]))
    for widget in (w for w in dashboard["widgets"] if w["type"] == "metric"):
        for namespace, name, *rest in widget["properties"]["metrics"]:
            words = [word for word in rest if isinstance(word, str)]
            yield Metric(namespace, name, tuple(zip(words[::2], words[1::2], strict=True)))


@pytest.fixture
def emitted(
    stack: Synthesised, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[dict[str, Any]]:
    """The log line of run-report with every metric that the environment sends, written by the step that the function
    builds from its environment variables."""
    for name, value in variables(stack, "run-report").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(composition, "clients", Mock())
    settings.load.cache_clear()
    step = composition.run_report(ReportRequest(run_id="r", provider="gopro", started_at=""))
    step.metrics.emit("gopro", dict.fromkeys(metrics_utils.UNITS, 1.0))
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    yield line
    settings.load.cache_clear()


@each_environment
def test_an_environment_sends_ten_metrics_or_all_of_them(emitted: dict[str, Any], stack: Synthesised) -> None:
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    sent = {metric["Name"] for metric in directive["Metrics"]}
    essential = metrics_utils.ESSENTIAL | metrics_utils.OF_THE_WATCH
    assert sent == (set(metrics_utils.UNITS) if stack.config.detailed_monitoring else essential)
    assert len(metrics_utils.ESSENTIAL) == 10 and set(metrics_utils.UNITS) > metrics_utils.ESSENTIAL


@each_environment
def test_the_functions_emit_every_metric_that_alarms_and_dashboard_use(
    stack: Synthesised, emitted: dict[str, Any]
) -> None:
    (directive,) = emitted["_aws"]["CloudWatchMetrics"]
    (dimensions,) = directive["Dimensions"]
    names = {metric["Name"] for metric in directive["Metrics"]}
    ours = [metric for metric in metrics(stack) if not metric.namespace.startswith("AWS/")]
    assert len(ours) >= 6
    for metric in ours:
        assert metric.namespace == directive["Namespace"] == "CloudSync"
        assert metric.name in names
        assert dict(metric.dimensions) == {dimension: emitted[dimension] for dimension in dimensions}


def test_a_step_emits_every_declared_metric() -> None:
    sources = [path.read_text() for path in FUNCTION_CODE.rglob("*.py") if path.name != "metrics_utils.py"]
    assert {name for name in metrics_utils.UNITS if not any(f'"{name}"' in source for source in sources)} == set()


def test_a_metric_that_is_not_declared_cannot_be_emitted() -> None:
    with pytest.raises(KeyError):
        metrics_utils.EnvironmentMetrics("dev", detailed=False).emit("gopro", {"Videos": 1.0})


@each_environment
def test_the_metrics_of_aws_exist_with_these_dimensions(stack: Synthesised) -> None:
    used = {
        (metric.namespace, metric.name, tuple(name for name, _ in metric.dimensions))
        for metric in metrics(stack)
        if metric.namespace.startswith("AWS/")
    }
    assert used == AWS_METRICS
    assert all(dimensions for _, _, dimensions in used)  # without one, a metric is that of the whole account


@each_environment
def test_alarms_and_widgets_use_resources_of_their_own_stack(stack: Synthesised) -> None:
    values = {value for metric in metrics(stack) for _, value in metric.dimensions}
    own = {f"<{word}>" for word in stack.labels.values()}
    assert values - own == {"gopro", "cloud-sync", "AllStorageTypes", stack.config.environment}


# --- what the layer ships -------------------------------------------------------------------------------------------


@cache
def shipped() -> dict[str, str]:
    """Name and version of each distribution in the layer that every function has."""
    return {name: one.version for name, one in read("lambda_layer/requirements.txt").items()}


def shipped_for_frames() -> dict[str, str]:
    """Those in the layer that frame-maker has besides."""
    return {name: one.version for name, one in read("lambda_layer/frames-requirements.txt").items()}


def imported(code: str) -> set[str]:
    """Top-level names of the modules that this code imports when it runs (not those for the type checker only)."""
    found: set[str] = set()

    class Imports(ast.NodeVisitor):
        def visit_If(self, node: ast.If) -> None:
            never = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for statement in node.orelse if never else [*node.body, *node.orelse]:
                self.visit(statement)

        def visit_Import(self, node: ast.Import) -> None:
            found.update(alias.name.split(".")[0] for alias in node.names)

        def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
            found.add((node.module or "").split(".")[0])

    Imports().visit(ast.parse(code))
    return found


def needed() -> set[str]:
    """The distributions that function code and handlers import, by name."""
    sources = [*FUNCTION_CODE.rglob("*.py"), *(ROOT / "lambdas").glob("*/handler.py")]
    names = set().union(*(imported(source.read_text()) for source in sources))
    foreign = names - set(sys.stdlib_module_names) - {"cloud_sync_common", "__future__"}
    owners = metadata.packages_distributions()
    return {canonicalize_name(owner) for name in foreign for owner in owners[name]}


# The extras of a package that the functions use.
EXTRAS = {"aws-lambda-powertools": "tracer"}


def dependencies(distribution: str) -> set[str]:
    """What a distribution needs on Lambda, with the extras that the functions use."""
    lambdas = {"sys_platform": "linux", "platform_system": "Linux", "python_version": "3.13"}
    lambdas["extra"] = EXTRAS.get(distribution, "")
    requirements = [Requirement(text) for text in metadata.requires(distribution) or []]
    return {canonicalize_name(r.name) for r in requirements if r.marker is None or r.marker.evaluate(lambdas)}


def test_the_layer_ships_every_package_that_the_function_code_imports() -> None:
    assert len(needed()) >= 6
    assert needed() - set(shipped()) == set(shipped_for_frames()) == {"av"}


def test_the_layer_ships_what_its_packages_need() -> None:
    """pip installs with --no-deps, so the requirements file has to name everything."""
    missing = {name: dependencies(name) - set(shipped()) for name in shipped()}
    assert {name: absent for name, absent in missing.items() if absent} == {}


def test_the_layer_ships_nothing_that_is_not_needed() -> None:
    of_others = set().union(*(dependencies(name) for name in shipped()))
    assert set(shipped()) - needed() - of_others == set()


def test_tests_run_with_the_versions_that_the_layer_ships() -> None:
    assert {name: metadata.version(name) for name in shipped()} == shipped()


def test_imports_only_for_the_type_checker_do_not_count() -> None:
    code = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mypy_boto3_s3\nelse:\n    import a.b\n"
    assert imported(code) == {"typing", "a"}
    assert imported("def f():\n    from boto3.session import Session\n") == {"boto3"}


@pytest.fixture(scope="module")
def layer() -> Path:
    return build_layer("arm64", "3.13") / "python"


def test_the_built_layer_contains_the_function_code_of_now(layer: Path) -> None:
    sources = {p.relative_to(FUNCTION_CODE): p.read_bytes() for p in FUNCTION_CODE.rglob("*.py")}
    built = layer / "cloud_sync_common"
    assert {p.relative_to(built): p.read_bytes() for p in built.rglob("*") if p.is_file()} == sources


def test_the_built_layer_contains_every_pinned_wheel(layer: Path) -> None:
    found = [re.fullmatch(r"(.+)-([^-]+)\.dist-info", path.name) for path in layer.glob("*.dist-info")]
    assert {canonicalize_name(match[1]): match[2] for match in found if match} == shipped()


def test_nothing_in_the_built_layer_is_compiled_for_another_processor(layer: Path) -> None:
    aarch64 = 0xB7  # e_machine, the ELF header's word at byte 18
    libraries = list(layer.rglob("*.so*"))
    assert len(libraries) >= 3
    assert {int.from_bytes(path.read_bytes()[18:20], "little") for path in libraries} == {aarch64}
