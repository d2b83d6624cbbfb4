"""Everything that outlives an invocation: the ledger (DynamoDB), the archive and work files (S3), and the credentials
(Secrets Manager)."""
