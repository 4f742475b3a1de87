"""Matches the ledger against knowledge: findings with evidence, confidence and remedy."""
