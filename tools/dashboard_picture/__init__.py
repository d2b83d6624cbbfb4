"""Draws a picture of the CloudWatch dashboard after several runs in the local deployment."""
