"""Tests of the deployed stack, in the emulator, IAM enforced."""
