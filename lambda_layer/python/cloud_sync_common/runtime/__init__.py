"""What every Lambda function needs around its step: settings, the checked input, logs, traces and errors."""
