"""Findings and messages to terminal, JSON and CSV. Decides nothing."""
