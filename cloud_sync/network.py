"""The private network, for an environment with `private_network`.

No function has a public address, and no connection can be opened to one. Functions can only open HTTPS connections: to
S3 and DynamoDB through gateway endpoints, which are free of charge, and to everything else through one NAT gateway. A
security group filters by address, not by name, so it cannot allow GoPro alone; docs/security.md explains what that
leaves open, and why interface endpoints are not worth their price here.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cloud_sync.config import Config
from cloud_sync.log_retention import retention

_INTERFACE_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
]


class Network(Construct):
    """A VPC in two availability zones, with private subnets for the functions."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=1,  # one is enough: when its zone is down, the work waits for the next night
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
            restrict_default_security_group=False,  # this would need a custom resource; nothing uses that group
            subnet_configuration=[
                ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=24),
                ec2.SubnetConfiguration(
                    name="Nat", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=28, map_public_ip_on_launch=False
                ),
            ],
        )
        self._log_flows(config)
        self.security_group = ec2.SecurityGroup(
            self,
            "FunctionsSecurityGroup",
            vpc=self.vpc,
            description="The functions of Cloud Sync: HTTPS out, nothing in",
            allow_all_outbound=False,
        )
        self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS to AWS and the provider")

    def _log_flows(self, config: Config) -> None:
        """Logs rejected connections: from outside, or to another port than 443."""
        group = logs.LogGroup(
            self,
            "Flows",
            log_group_name=f"/aws/vpc/{config.name('gopro-sync')}",
            retention=retention(config),
            removal_policy=RemovalPolicy.DESTROY,
        )
        flow_logs = iam.ServicePrincipal(
            "vpc-flow-logs.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        )
        role = iam.Role(self, "FlowsRole", assumed_by=flow_logs)
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, role),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )

    @property
    def function_properties(self) -> dict[str, Any]:
        """The properties that put a function into the private subnets."""
        return {
            "vpc": self.vpc,
            "vpc_subnets": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            "security_groups": [self.security_group],
        }

    def statements(self, function_name: str) -> list[iam.PolicyStatement]:
        """Lambda creates network interfaces with the function's role, but the function's own code may not (Lambda
        developer guide, "Giving Lambda functions access to resources in a VPC")."""
        function = Stack.of(self).format_arn(
            service="lambda",
            resource="function",
            resource_name=function_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return [
            iam.PolicyStatement(sid="LambdaPlacesIt", actions=_INTERFACE_ACTIONS, resources=["*"]),
            iam.PolicyStatement(
                sid="ItsCodePlacesNothing",
                effect=iam.Effect.DENY,
                actions=_INTERFACE_ACTIONS,
                resources=["*"],
                conditions={"ArnEquals": {"lambda:SourceFunctionArn": [function]}},
            ),
        ]
