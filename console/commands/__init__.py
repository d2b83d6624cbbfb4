"""The verbs of `cloudsync`: each module has one `command`, which asks console.operations and prints the answer."""
