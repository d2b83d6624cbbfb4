"""The function code: everything that runs inside the Lambda functions, in layers; each package imports only the layers
below it."""

__version__ = "0.9.0"
