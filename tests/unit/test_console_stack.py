"""The stack is found by its environment, and what cannot be found is named with the next step."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions as botocore_errors

from console.aws_refusals import explained
from console.errors import ConsoleError, CredentialsRefusedError, Exit, NotFoundError, UsageError
from console.stack import Stack
from tests.unit.console_account import ScriptedAccount, refusal, stack_of

DEV = {
    "StackName": "CloudSync-dev",
    "StackStatus": "UPDATE_COMPLETE",
    "Outputs": [{"OutputKey": "CredentialsSecret", "OutputValue": "gopro/credentials"}],
}


def account(found: Any, *names: str) -> ScriptedAccount:
    pages = [{"Stacks": [{"StackName": name} for name in names]}]
    return ScriptedAccount(cloudformation={"describe_stacks": found, "describe_stacks_pages": pages})


def test_a_stack_is_found_by_its_environment() -> None:
    stack = Stack.find(account({"Stacks": [DEV]}), "dev")
    assert (stack.environment, stack.outputs) == ("dev", {"CredentialsSecret": "gopro/credentials"})
    assert stack.account.services["cloudformation"].asked == [  # type: ignore[attr-defined]
        ("describe_stacks", {"StackName": "CloudSync-dev"})
    ]


def test_a_stack_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(NotFoundError) as failure:
        Stack.find(account(refusal("ValidationError", "DescribeStacks"), "CloudSync-prod", "Other"), "dev")
    assert str(failure.value) == (
        "There is no stack CloudSync-dev in the region eu-west-1. There is prod: choose it with --environment, or look "
        "elsewhere with --region and --profile."
    )


def test_without_any_stack_the_next_step_is_to_deploy_one() -> None:
    with pytest.raises(NotFoundError, match="There is none: run `cdk deploy`"):
        Stack.find(account(refusal("ValidationError", "DescribeStacks"), "Other"), "dev")


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE", "DELETE_COMPLETE", "DELETE_FAILED"])
def test_a_stack_that_is_not_ready_says_so(status: str) -> None:
    with pytest.raises(ConsoleError, match=f"is not ready \\({status}\\)"):
        Stack.find(account({"Stacks": [DEV | {"StackStatus": status}]}), "dev")


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"])
def test_a_stack_can_be_used_while_and_after_it_is_updated(status: str) -> None:
    assert Stack.find(account({"Stacks": [DEV | {"StackStatus": status}]}), "dev").environment == "dev"


@pytest.mark.parametrize("name", ["", "Dev", "a b", "../x", "x" * 21])
def test_a_name_that_no_environment_can_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--environment must be a name such as dev, staging or prod"):
        Stack.find(account({"Stacks": [DEV]}), name)


def test_a_stack_of_an_earlier_version_is_named_as_such() -> None:
    with pytest.raises(ConsoleError, match="is of an earlier version: it has no output AlertsTopicArn"):
        stack_of().output("AlertsTopicArn")


def test_a_provider_is_named_in_either_way_and_only_one_that_is_backed_up() -> None:
    assert stack_of().provider("google-drive") == stack_of().provider("google_drive") == "google_drive"
    with pytest.raises(UsageError, match=r"one that this stack backs up \(gopro, google-drive\); not 'dropbox'"):
        stack_of().provider("dropbox")


REFUSED = [
    (refusal("ExpiredToken", "DescribeStacks"), Exit.CREDENTIALS, "The AWS credentials have expired"),
    (refusal("InvalidClientTokenId", "DescribeStacks"), Exit.CREDENTIALS, "AWS does not accept the credentials"),
    (refusal("AccessDenied", "Query"), Exit.CREDENTIALS, "may not do Query. Attach the managed policy CloudSyncOwner"),
    (refusal("ThrottlingException", "Query"), Exit.FAILED, "AWS asks to slow down (Query)"),
    (refusal("StateMachineDoesNotExist", "ListExecutions"), Exit.NOT_FOUND, "AWS has no such resource any more"),
    (refusal("Odd", "Query"), Exit.FAILED, "AWS refused Query (Odd)"),
    (botocore_errors.NoCredentialsError(), Exit.CREDENTIALS, "There are no AWS credentials"),
    (botocore_errors.ProfileNotFound(profile="x"), Exit.CREDENTIALS, "The AWS profile x is not there"),
    (botocore_errors.NoRegionError(), Exit.FAILED, "No AWS region is set"),
    (botocore_errors.EndpointConnectionError(endpoint_url="https://x"), Exit.FAILED, "AWS cannot be reached"),
]


@pytest.mark.parametrize(("error", "code", "sentence"), REFUSED)
def test_each_refusal_of_aws_has_a_sentence_and_an_exit_code(error: Exception, code: Exit, sentence: str) -> None:
    known = explained(error)
    assert known is not None and known.exit_code == code and sentence in str(known)
    assert "words that may change" not in str(known)


def test_an_error_of_another_kind_is_not_explained() -> None:
    assert explained(ValueError("x")) is None
    assert CredentialsRefusedError.exit_code == 4
