"""AWS: the only package that uses boto3 and botocore."""
