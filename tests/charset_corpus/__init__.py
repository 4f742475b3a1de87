"""Mails and sites whose charsets are known, to measure ``charset-check`` against the truth."""
