"""Joins observations that speak of one message and tells its fate. Knows no article."""
