"""The only modules that know boto3 and botocore."""
