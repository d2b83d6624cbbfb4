"""The private network of an environment that asks for one: no function has a public address, and nothing can call in.

Out goes HTTPS only: to S3 and DynamoDB through gateway endpoints, which cost nothing, and to everything else through
one NAT gateway. A security group knows addresses, not names, so it cannot say "GoPro and nobody else"; docs/security.md
tells what that leaves open, and why no interface endpoint pays for itself here.
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

_PLACING = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
]


class Network(Construct):
    """A VPC over two zones with private subnets for the functions."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=1,  # one is enough for work that waits for the next night when its zone is down
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
            restrict_default_security_group=False,  # it would take a custom resource; nothing uses that group
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
        """Refused connections: what tried to get in, or out on another port."""
        group = logs.LogGroup(
            self,
            "Flows",
            log_group_name=f"/aws/vpc/{config.name('gopro-sync')}",
            retention=retention(config),
            removal_policy=RemovalPolicy.DESTROY,
        )
        role = iam.Role(self, "FlowsRole", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"))
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group, role),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )

    @property
    def placement(self) -> dict[str, Any]:
        """What puts a function into the private subnets."""
        return {
            "vpc": self.vpc,
            "vpc_subnets": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            "security_groups": [self.security_group],
        }

    def statements(self, function_name: str) -> list[iam.PolicyStatement]:
        """Lambda's service makes network interfaces with the function's role; the function's own code may not (Lambda
        developer guide, "Giving Lambda functions access to resources in a VPC")."""
        function = Stack.of(self).format_arn(
            service="lambda",
            resource="function",
            resource_name=function_name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        return [
            iam.PolicyStatement(sid="LambdaPlacesIt", actions=_PLACING, resources=["*"]),
            iam.PolicyStatement(
                sid="ItsCodePlacesNothing",
                effect=iam.Effect.DENY,
                actions=_PLACING,
                resources=["*"],
                conditions={"ArnEquals": {"lambda:SourceFunctionArn": [function]}},
            ),
        ]
