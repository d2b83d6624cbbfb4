"""The local deployment: everything needed to run and try Cloud Sync on one machine, without an AWS account."""
