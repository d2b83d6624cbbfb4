"""What an environment costs each month whatever it moves: the model, compared with the synthesised templates."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cloud_sync_common import prices

from cloud_sync.config import ENVIRONMENTS
from costs import page
from costs.model import METRICS_OF_A_FREE_DASHBOARD, Line, billed, fixed_costs, total
from tests.synthesis import ROOT, Synthesis, Synthesised

LIMIT_USD = 0.45
# Resources that cost nothing as long as nothing uses them (each service's pricing page), or almost nothing
# (docs/cost.md, "What is not counted"). A type that is neither here nor priced fails a test.
FREE_OF_FIXED_COST = {
    "AWS::Budgets::Budget", "AWS::CDK::Metadata", "AWS::DynamoDB::Table", "AWS::EC2::InternetGateway",
    "AWS::EC2::Route", "AWS::EC2::RouteTable", "AWS::EC2::SecurityGroup", "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPC", "AWS::EC2::VPCEndpoint", "AWS::EC2::VPCGatewayAttachment",
    "AWS::Events::Rule",
    "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::Role", "AWS::KMS::Alias", "AWS::Lambda::Function",
    "AWS::Lambda::LayerVersion", "AWS::Lambda::Permission", "AWS::Logs::LogGroup", "AWS::Logs::QueryDefinition",
    "AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::SNS::Subscription", "AWS::SNS::Topic", "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule", "AWS::SecretsManager::ResourcePolicy",
    "AWS::SecretsManager::RotationSchedule", "AWS::StepFunctions::StateMachine",
}  # fmt: skip
PRICED = {
    "AWS::SecretsManager::Secret": (prices.SECRET_MONTH, 1),
    "AWS::KMS::Key": (prices.KEY_MONTH, 1),
    "AWS::CloudWatch::Dashboard": (prices.DASHBOARD_MONTH, 1),
    "AWS::EC2::NatGateway": (prices.NAT_HOUR, prices.HOURS_PER_MONTH),
    "AWS::EC2::EIP": (prices.PUBLIC_IPV4_HOUR, prices.HOURS_PER_MONTH),
}
COUNTED_ANOTHER_WAY = {"AWS::CloudWatch::Alarm", "AWS::CloudTrail::Trail", "AWS::EC2::FlowLog"}
VARIANTS: list[tuple[str, dict[str, str]]] = [
    *((environment, {}) for environment in page.DEPLOYED),
    *(("dev", {value: "true"}) for value in page.COSTLY),
    ("dev", {"schedule_enabled": "false"}),
    ("dev", {"schedule": "rate(30 days)"}),
    ("dev", {"providers": "gopro,google_drive,dropbox"}),
    ("prod", {"detailed_monitoring": "false", "private_network": "false"}),
]


@pytest.fixture(params=VARIANTS, ids=lambda variant: "-".join([variant[0], *variant[1]]))
def stack(synthesis: Synthesis, request: pytest.FixtureRequest) -> Synthesised:
    environment, overrides = request.param
    return synthesis.of(environment, **overrides)


def counts(stack: Synthesised) -> dict[prices.Price, float]:
    counted: Counter[prices.Price] = Counter()
    for line in fixed_costs(stack.config):
        counted[line.price] += line.count  # type: ignore[assignment]
    return dict(counted)


@pytest.mark.parametrize("kind", PRICED)
def test_each_priced_resource_of_the_template_is_counted(stack: Synthesised, kind: str) -> None:
    price, units = PRICED[kind]
    assert counts(stack).get(price, 0) == len(stack.resources(kind)) * units


def test_what_the_trail_and_the_flow_log_write_is_counted_where_they_are(stack: Synthesised) -> None:
    kinds = Counter(resource["Type"] for resource in stack.template["Resources"].values())
    counted = counts(stack)
    assert (prices.S3_PUT in counted) == (kinds["AWS::CloudTrail::Trail"] > 0)
    assert (prices.LOGS_GB in counted) == (kinds["AWS::EC2::FlowLog"] > 0)


def test_every_type_of_resource_is_priced_or_known_to_be_free(stack: Synthesised) -> None:
    kinds = {resource["Type"] for resource in stack.template["Resources"].values()}
    assert kinds - FREE_OF_FIXED_COST - PRICED.keys() - COUNTED_ANOTHER_WAY == set()


def test_each_metric_of_each_alarm_is_counted(stack: Synthesised) -> None:
    alarms = [alarm["Properties"] for alarm in stack.resources("AWS::CloudWatch::Alarm").values()]
    watched = sum(len([m for m in alarm.get("Metrics", [{"MetricStat": {}}]) if "MetricStat" in m]) for alarm in alarms)
    assert counts(stack)[prices.ALARM_MONTH] == watched


def test_the_metrics_that_alarms_and_dashboard_read_are_among_those_counted(stack: Synthesised) -> None:
    read = {name for namespace, name in metrics_read(stack) if namespace == "CloudSync"}
    assert 0 < len(read) <= round(counts(stack)[prices.METRIC_MONTH] * prices.HOURS_PER_MONTH / 30)


def test_the_dashboard_has_no_more_metrics_than_a_free_one_may_have(stack: Synthesised) -> None:
    assert len(list(metrics_of_the_dashboard(stack))) <= METRICS_OF_A_FREE_DASHBOARD


def metrics_read(stack: Synthesised) -> Iterator[tuple[str, str]]:
    for alarm in stack.resources("AWS::CloudWatch::Alarm").values():
        if "MetricName" in alarm["Properties"]:
            yield alarm["Properties"]["Namespace"], alarm["Properties"]["MetricName"]
    yield from metrics_of_the_dashboard(stack)


def metrics_of_the_dashboard(stack: Synthesised) -> Iterator[tuple[str, str]]:
    text = stack.text(stack.only("AWS::CloudWatch::Dashboard")["Properties"]["DashboardBody"])
    body: dict[str, Any] = json.loads(text)
    for widget in (w for w in body["widgets"] if w["type"] == "metric"):
        yield from ((namespace, name) for namespace, name, *_ in widget["properties"]["metrics"])


@pytest.mark.parametrize("environment", ["dev", "staging"])
def test_the_default_environment_is_billed_little_more_than_its_secret(environment: str) -> None:
    lines = fixed_costs(ENVIRONMENTS[environment])
    assert billed(lines) == pytest.approx(0.40)
    assert billed(lines) <= LIMIT_USD < total(lines) < 5


def test_what_is_always_free_is_subtracted_once_for_each_kind() -> None:
    lines = fixed_costs(ENVIRONMENTS["prod"])
    usd = {line.price: line.usd for line in lines}
    assert usd[prices.ALARM_MONTH] == pytest.approx(2.40)
    # the first ten alarms, all metrics (17 in one hour of the day are less than one) and the dashboard are free
    free = 10 * 0.10 + usd[prices.METRIC_MONTH] + 3.00
    assert total(lines) - billed(lines) == pytest.approx(free)


def test_the_page_shows_both_sums_of_each_environment_and_what_each_costly_value_adds() -> None:
    text = page.PAGE.read_text()
    for title, sum_of in (("before any free tier", total), ("billed", billed)):
        sums = " | ".join(f"**{sum_of(fixed_costs(ENVIRONMENTS[name])):.2f}**" for name in page.DEPLOYED)
        assert f"| **{title}** | {sums} |" in text
    assert all(f"| `{value}` | prod |" in text for value in page.COSTLY)
    assert "no VPC" not in text and "not counted either" not in text


def test_the_other_pages_state_the_sums_of_the_model() -> None:
    dev, prod = fixed_costs(ENVIRONMENTS["dev"]), fixed_costs(ENVIRONMENTS["prod"])
    network, per_gb = (
        f"{prices.NETWORK_MONTH_USD:.2f} USD",
        f"{prices.total(prices.network_usage(prices.GB)):.3f} USD per GB",
    )
    stated = {
        "README.md": (f"{billed(dev):.2f} USD a month", f"{total(dev):.2f} USD", f"{network} a month", per_gb),
        "docs/operations.md": (f"{billed(dev):.2f} USD a month", f"prod costs {billed(prod):.2f} USD", network, per_gb),
        "docs/security.md": (network, "5.50 USD for 100 GB"),
        "docs/configuration.md": (f"{network} a month", "0.055 USD", *(f"{usd:.2f} USD a month" for usd in added())),
    }
    for name, sums in stated.items():
        text = " ".join((ROOT / name).read_text().split())
        assert [number for number in sums if number not in text] == [], name
        assert "32.85" not in text and "21 alarms" not in text, name


def added() -> Iterator[float]:
    """What detailed_monitoring and audit_trail add to dev's bill."""
    dev = ENVIRONMENTS["dev"]
    for changed in (replace(dev, detailed_monitoring=True), replace(dev, audit_trail=True)):
        yield billed(fixed_costs(changed)) - billed(fixed_costs(dev))


def test_the_free_allowance_is_subtracted_once_however_many_lines_use_it() -> None:
    lines = [Line(prices.ALARM_MONTH, 8, ""), Line(prices.ALARM_MONTH, 8, ""), Line(prices.SECRET_MONTH, 1, "")]
    assert billed(lines) == pytest.approx(6 * 0.10 + 0.40)
