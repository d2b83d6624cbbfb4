"""A budget, for an environment with `monthly_budget_usd`."""

from __future__ import annotations

from aws_cdk import Aws, CfnCondition, CfnOutput, Fn
from aws_cdk import aws_budgets as budgets
from constructs import Construct

from cloud_sync.config import Config

# The regions in which CloudFormation cannot create a budget, though AWS Budgets works there: a budget belongs to the
# account, not to a region. A test compares them with the resource types of each region that cfn-lint knows.
REGIONS_WITHOUT_BUDGETS = (
    "af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-3", "ap-south-2", "ap-southeast-3", "ap-southeast-4",
    "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-north-1", "eu-south-1",
    "eu-south-2", "il-central-1", "me-central-1", "mx-central-1", "us-gov-east-1", "us-gov-west-1",
)  # fmt: skip


class Budget(Construct):
    """A budget of the whole account. One for a tag would report nothing until that tag is activated for billing.

    The region is only known when the template is deployed. Where there is no such resource type, the deployment has the
    output `BudgetIsMissing`, which says what to do instead."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        missing = Fn.condition_or(*[Fn.condition_equals(Aws.REGION, region) for region in REGIONS_WITHOUT_BUDGETS])
        budget = self._budget(config)
        budget.cfn_options.condition = CfnCondition(self, "Supported", expression=Fn.condition_not(missing))
        output = CfnOutput(
            self,
            "Missing",
            value="CloudFormation cannot create a budget in this region. Create one of "
            f"{config.monthly_budget_usd} USD a month in the console: Billing and Cost Management, Budgets.",
            condition=CfnCondition(self, "Unsupported", expression=missing),
        )
        output.override_logical_id("BudgetIsMissing")

    def _budget(self, config: Config) -> budgets.CfnBudget:
        subscriber = budgets.CfnBudget.SubscriberProperty(address=config.alert_address or "", subscription_type="EMAIL")
        return budgets.CfnBudget(
            self,
            "Monthly",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=f"{config.name('cloud-sync')}-{Aws.REGION}",  # unique in the account, in all regions
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=config.monthly_budget_usd or 0, unit="USD"),
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN", notification_type=kind, threshold=percent
                    ),
                    subscribers=[subscriber],
                )
                for kind, percent in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
        )
