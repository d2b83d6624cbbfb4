"""The options of an environment: rotation, a private network, an audit trail, Object Lock, a budget."""

from __future__ import annotations

from typing import Any

import pytest
from cfnlint.helpers import REGIONS
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from cloud_sync.budget import REGIONS_WITHOUT_BUDGETS
from tests.synthesis import FUNCTIONS, Synthesis, Synthesised


@pytest.fixture
def prod(synthesis: Synthesis) -> Synthesised:
    return synthesis.of("prod")


def permissions_of(stack: Synthesised, service: str) -> list[dict[str, Any]]:
    """Those by which a service invokes functions."""
    permissions = stack.resources("AWS::Lambda::Permission").values()
    return [one for one in permissions if one["Properties"]["Principal"] == f"{service}.amazonaws.com"]


def test_secrets_manager_rotates_the_credentials_every_week_with_credentials_rotator(synthesis: Synthesis) -> None:
    for environment in ("dev", "staging", "prod"):
        stack = synthesis.of(environment)
        schedule = stack.only("AWS::SecretsManager::RotationSchedule")["Properties"]
        assert stack.text(schedule["RotationLambdaARN"]) == f"<{stack.config.name('credentials-rotator')}>"
        assert schedule["RotationRules"] == {"AutomaticallyAfterDays": 7}
        assert schedule["RotateImmediatelyOnUpdate"] is False
        (permission,) = permissions_of(stack, "secretsmanager")
        assert permission["Properties"]["SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_rotation_can_be_switched_off_and_is_off_in_the_local_deployment(synthesis: Synthesis) -> None:
    for stack in (synthesis.of("local"), synthesis.of("dev", rotate_credentials_every_days="none")):
        assert stack.resources("AWS::SecretsManager::RotationSchedule") == {}
        assert permissions_of(stack, "secretsmanager") == []


def test_in_prod_every_function_is_in_private_subnets_and_can_only_open_https_connections(prod: Synthesised) -> None:
    private = {key for key in prod.resources("AWS::EC2::Subnet") if "Private" in key}
    assert len(private) == 2
    for name in FUNCTIONS:
        network = prod.function(name)["VpcConfig"]
        assert {subnet["Ref"] for subnet in network["SubnetIds"]} == private
    (group,) = prod.resources("AWS::EC2::SecurityGroup").values()
    (rule,) = group["Properties"]["SecurityGroupEgress"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)
    assert "SecurityGroupIngress" not in group["Properties"]


def test_no_subnet_of_prod_assigns_public_addresses(prod: Synthesised) -> None:
    subnets = prod.resources("AWS::EC2::Subnet").values()
    assert [subnet["Properties"]["MapPublicIpOnLaunch"] for subnet in subnets] == [False] * 4


def test_prod_has_gateway_endpoints_for_s3_and_dynamodb_which_are_free_and_no_others(prod: Synthesised) -> None:
    endpoints = [endpoint["Properties"] for endpoint in prod.resources("AWS::EC2::VPCEndpoint").values()]
    assert {endpoint["VpcEndpointType"] for endpoint in endpoints} == {"Gateway"}
    services = {prod.text(endpoint["ServiceName"]).rpartition(".")[2] for endpoint in endpoints}
    assert services == {"s3", "dynamodb"}
    assert len(prod.resources("AWS::EC2::NatGateway")) == 1


def test_the_trail_of_prod_records_every_access_to_the_archive_and_all_management_events(prod: Synthesised) -> None:
    trail = prod.only("AWS::CloudTrail::Trail")["Properties"]
    assert (trail["IsLogging"], trail["EnableLogFileValidation"]) == (True, True)
    (selector,) = trail["EventSelectors"]
    assert (selector["ReadWriteType"], selector["IncludeManagementEvents"]) == ("All", True)
    (resource,) = selector["DataResources"]
    assert resource["Type"] == "AWS::S3::Object"
    assert [prod.text(value) for value in resource["Values"]] == ["<archive>/"]


@pytest.mark.parametrize("environment", ["dev", "staging", "local"])
def test_only_prod_has_a_network_and_a_trail(synthesis: Synthesis, environment: str) -> None:
    stack = synthesis.of(environment)
    for kind in ("AWS::EC2::VPC", "AWS::EC2::NatGateway", "AWS::CloudTrail::Trail", "AWS::Budgets::Budget"):
        assert stack.resources(kind) == {}


def test_object_lock_is_optional_and_in_governance_mode(synthesis: Synthesis) -> None:
    assert "ObjectLockConfiguration" not in synthesis.of("prod").bucket("archive")
    locked = synthesis.of("prod", object_lock_days="30").bucket("archive")
    assert locked["ObjectLockEnabled"] is True
    assert locked["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {"Mode": "GOVERNANCE", "Days": 30}


def test_a_budget_sends_mails_at_80_percent_and_when_the_forecast_is_over_100_percent(synthesis: Synthesis) -> None:
    stack = synthesis.of("dev", monthly_budget_usd="20", alert_email="owner@example.org")
    budget = stack.only("AWS::Budgets::Budget")["Properties"]
    assert budget["Budget"]["BudgetLimit"] == {"Amount": 20, "Unit": "USD"}
    sent = [(one["Notification"], one["Subscribers"][0]["Address"]) for one in budget["NotificationsWithSubscribers"]]
    notifications = [(what["NotificationType"], what["Threshold"], address) for what, address in sent]
    assert notifications == [("ACTUAL", 80, "owner@example.org"), ("FORECASTED", 100, "owner@example.org")]


def test_the_regions_without_budgets_are_those_whose_cloudformation_has_no_such_resource_type() -> None:
    """As cfn-lint knows them. Both lists change when AWS adds a region or the type to a region."""
    without = {r for r in REGIONS if "AWS::Budgets::Budget" not in PROVIDER_SCHEMA_MANAGER.get_resource_types(r)}
    assert set(REGIONS_WITHOUT_BUDGETS) == without and len(without) == len(REGIONS_WITHOUT_BUDGETS)


@pytest.mark.parametrize("region", REGIONS)
def test_the_budget_is_created_where_the_region_has_it_and_elsewhere_an_output_says_what_to_do(
    synthesis: Synthesis, region: str
) -> None:
    stack = synthesis.of("dev", monthly_budget_usd="20", alert_email="owner@example.org")
    conditions = stack.template["Conditions"]
    created = holds(conditions[stack.only("AWS::Budgets::Budget")["Condition"]], region)
    told = stack.template["Outputs"]["BudgetIsMissing"]
    assert created is (region not in REGIONS_WITHOUT_BUDGETS)
    assert holds(conditions[told["Condition"]], region) is not created
    assert "20 USD" in told["Value"] and "Budgets" in told["Value"]


def test_without_a_budget_a_template_has_no_condition(synthesis: Synthesis) -> None:
    assert "Conditions" not in synthesis.of("dev").template


def holds(condition: Any, region: str) -> bool:
    """Whether a condition of CloudFormation is true in this region; each operator has as many operands as it may."""
    ((operator, operands),) = condition.items()
    match operator:
        case "Fn::Not":
            (operand,) = operands
            return not holds(operand, region)
        case "Fn::Or":
            assert 2 <= len(operands) <= 10
            return any(holds(operand, region) for operand in operands)
        case "Fn::Equals":
            assert operands[0] == {"Ref": "AWS::Region"}
            return bool(operands[1] == region)
    raise AssertionError(f"the tests cannot evaluate this condition yet: {condition}")
