"""Whole sites made from a seed: what became of every message is known, and what it left behind.

Written from the formats alone, without imctool. ``PYTHONPATH=tests:fixtures python -m simulator
SEED FOLDER`` writes one site and prints its messages.
"""
