"""Forensics and repair for the spool of the Exchange 4.0-5.5 Internet Mail Connector/Service."""

__version__ = "0.1.0"
