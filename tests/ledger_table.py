"""The ledger table as the stack defines it, for tests with their own DynamoDB."""

from typing import Any

TABLE = "gopro-sync-tracker"

LEDGER_TABLE: dict[str, Any] = {
    "TableName": TABLE,
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "not_archived", "updated_at")
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "not-archived",
            "KeySchema": [
                {"AttributeName": "not_archived", "KeyType": "HASH"},
                {"AttributeName": "updated_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
}
