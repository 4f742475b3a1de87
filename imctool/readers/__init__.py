"""Bytes on disk to records: one file per artefact. Bad bytes become a Defect, never an exception."""
