"""Draws the CloudWatch dashboard as it looks after some nights in the local deployment."""
