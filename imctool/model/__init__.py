"""The nouns: frozen dataclasses that every other room speaks in. Imports no other room."""

from imctool.model.diagnosis import Diagnosis
from imctool.model.direction import Direction
from imctool.model.event import Event, EventData
from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind, Location
from imctool.model.finding import Confidence, Evidence, Finding, RemedyStep, Severity
from imctool.model.mail import Envelope, HeaderField, MailFormat, Part, Skeleton, SpoolFile
from imctool.model.message import Fate, Message, Observation
from imctool.model.smtp import Outcome, Reply, Transaction
from imctool.model.spool_name import SpoolName
from imctool.model.tracking import TrackingRecord

__all__ = [
    "Confidence",
    "Defect",
    "Diagnosis",
    "Direction",
    "Envelope",
    "Event",
    "EventData",
    "Evidence",
    "EvidenceFile",
    "Fate",
    "Finding",
    "Form",
    "HeaderField",
    "InputKind",
    "Location",
    "MailFormat",
    "Message",
    "Observation",
    "Outcome",
    "Part",
    "RemedyStep",
    "Reply",
    "Severity",
    "Skeleton",
    "SpoolFile",
    "SpoolName",
    "TrackingRecord",
    "Transaction",
]
