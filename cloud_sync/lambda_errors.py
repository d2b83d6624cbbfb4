"""What Lambda answers when it cannot invoke a function, or when a function dies, and which of that is worth a retry.

Step Functions reports an error of Lambda's Invoke operation as `Lambda.` and its name (Step Functions developer guide,
"Handle Lambda service exceptions"). A test compares the errors below with those of the Invoke operation in botocore, so
that a new one has to be classified before the tests pass again.
"""

from __future__ import annotations

# Gone within seconds. `Sandbox.Timedout` and `Runtime.*` are reported for a function that was stopped at its time-out,
# ran out of memory or exited: the next attempt starts in a fresh execution environment, and work goes on where it
# stopped. Lambda.Unknown is the guide's name for the same. The first six are the service itself, and its throttling.
RETRIED_SHORTLY = (
    "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException", "Lambda.ClientExecutionTimeoutException", "Lambda.Unknown",
    "Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory",
)  # fmt: skip

# Gone within minutes: Lambda first has to get a network interface in the VPC, or to finish another operation.
RETRIED_SLOWLY = (
    "Lambda.ResourceNotReadyException",  # idle for weeks, so that its connection to the VPC was taken away
    "Lambda.ENINotReadyException",  # its connection to the VPC is being made
    "Lambda.ENILimitReachedException",  # interfaces of deleted functions are freed within minutes
    "Lambda.SubnetIPAddressLimitReachedException",  # addresses of deleted functions, too
    "Lambda.EC2ThrottledException",
    "Lambda.EC2UnexpectedException",
    "Lambda.ResourceConflictException",  # the function is being created or updated: a deployment is under way
    "Lambda.CodeArtifactUserPendingException",  # Lambda still prepares the code of a new function
)

_A_PERSON_MUST_ACT = "A setting is wrong, and stays so until a person changes it"
_NOT_USED = "No function of this stack uses the feature"
_OUR_REQUEST = "The same request would be refused again"

# Everything else that Invoke can answer, by the reason why a retry is of no use. The run fails and reports it.
NOT_RETRIED = {
    _A_PERSON_MUST_ACT: (
        "CodeArtifactUserDeletedException", "CodeArtifactUserFailedException", "EC2AccessDeniedException",
        "InvalidRuntimeException", "InvalidSecurityGroupIDException", "InvalidSubnetIDException",
        "InvalidZipFileException", "KMSAccessDeniedException", "KMSDisabledException", "KMSInvalidStateException",
        "KMSNotFoundException", "ResourceNotFoundException", "RuntimeAliasDeletedException",
        "RuntimeVersionDeletedException", "ServiceQuotaExceededException",
    ),
    _NOT_USED: (
        "DurableExecutionAlreadyStartedException", "EFSIOException", "EFSMountConnectivityException",
        "EFSMountFailureException", "EFSMountTimeoutException", "ModeNotSupportedException",
        "NoPublishedVersionException", "S3FilesMountConnectivityException", "S3FilesMountFailureException",
        "S3FilesMountTimeoutException", "SnapStartException", "SnapStartNotReadyException",
        "SnapStartRegenerationFailureException", "SnapStartTimeoutException",
    ),
    _OUR_REQUEST: (
        "InvalidParameterValueException", "InvalidRequestContentException", "RecursiveInvocationException",
        "RequestTooLargeException", "SerializedRequestEntityTooLargeException", "UnsupportedMediaTypeException",
    ),
}  # fmt: skip
