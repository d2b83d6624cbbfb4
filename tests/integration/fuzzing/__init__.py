"""Whole small runs against odd answers, made out of each provider's real ones."""
