"""The infrastructure of Cloud Sync, in the AWS CDK. It never imports the code that runs in the functions."""
