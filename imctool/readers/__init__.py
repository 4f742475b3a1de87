"""Bytes on disk to records, one file per artefact; bad bytes become a Defect, no exception."""
