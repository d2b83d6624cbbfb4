"""What is kept between invocations: the ledger (DynamoDB), the archive and work files (S3), credentials (Secrets
Manager)."""
