"""Divides the recipients of a message among the fewest messages that a server takes (Q272672).

The recipients are read several times and never held: the plan has one byte for each. Duplicates
are looked for by a hash of each address; where one comes twice, the addresses themselves decide.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import compress, islice

from imctool.model.mail import RECIPIENT_LIMIT, Envelope, MailFormat
from imctool.model.split import EnvelopeDoubt, MarkedRecipient, RecipientMark, SplitPlan
from imctool.readers.envelope import END_SIGNATURE, iterate_recipients, read_envelope
from imctool.readers.file_buffer import WINDOW, Buffer, release_pages
from imctool.repair.same_address import without_domain_case
from imctool.repair.smtp_address import address_problem

MOST_TOLD = 20
"""How many recipients of a kind a plan tells one by one."""

_AT_ONCE = 4096
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLAIN_CHARACTERS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]++@[A-Za-z0-9.-]++"
_PLAIN = re.compile(_PLAIN_CHARACTERS)
_PLAIN_LINES = re.compile(rf"(?:{_PLAIN_CHARACTERS}\n)*+")
_RECEIVER_LINE = re.compile(rb"(?:\A|(?<=[\r\n]))x-receiver[ \t]*:", re.IGNORECASE)

_KEPT = bytes([RecipientMark.KEPT])
_hash: Callable[[str], int] = hash


class SplitRefusedError(ValueError):
    """A message cannot be divided among its recipients; the text says why."""


def plan_split(
    buffer: Buffer,
    *,
    limit: int = RECIPIENT_LIMIT,
    keep_duplicates: bool = False,
    leave_out: Callable[[str], bool] | None = None,
) -> SplitPlan:
    """Return the fewest parts of at most ``limit`` recipients, in the order of the envelope.

    All parts but the last are full. An address that comes again is kept at its first place only,
    unless ``keep_duplicates`` is set; ``without_domain_case`` tells which are the same. Those for
    which ``leave_out`` is true are left out; it is asked about each once. An empty address, or
    one with a control character, is refused, as it could begin a line of its own; one with
    another fault is kept as it stands and told among the odd.

    Memory is one hash for each recipient, and each address that comes twice. Raises ValueError
    for a limit under 1, and SplitRefusedError where no envelope tells who gets the message, where
    it is cut short, where the originator is unknown or holds a control character, and where every
    address is refused.
    """
    if limit < 1:
        raise ValueError(f"the limit is {limit}: a message has one recipient at least")
    envelope, problems = read_envelope(buffer, most_recipients=0)
    originator = _originator(buffer, envelope)
    marking = _Marking(leave_out)
    for some in _batches(buffer):
        marking.take(some)
    if marking.marks.count(RecipientMark.REFUSED) == len(marking.marks):
        raise SplitRefusedError("each address of its envelope is empty or holds control characters")
    marking.seen.clear()
    if marking.repeated:
        marking.mark_duplicates(_batches(buffer), keep_duplicates)
    marks = bytes(marking.marks)
    kept = marks.count(_KEPT)
    whole, rest = divmod(kept, limit)
    return SplitPlan(
        format=envelope.format,
        originator=originator,
        text_offset=envelope.raw_length,
        size=len(buffer),
        sha256=content_sha256(buffer),
        recipient_count=len(marks),
        recipients_sha256=marking.digest.hexdigest(),
        marks=marks,
        parts=(limit,) * whole + ((rest,) if rest else ()),
        limit=limit,
        keeps_duplicates=keep_duplicates,
        kept=kept,
        duplicates=marking.duplicates,
        left_out=marks.count(RecipientMark.LEFT_OUT),
        refused=marks.count(RecipientMark.REFUSED),
        odd=marking.odd,
        some_duplicates=tuple(marking.some_duplicates),
        some_refused=tuple(_with_offsets(buffer, envelope, marking.some_refused)),
        some_odd=tuple(marking.some_odd),
        doubts=tuple(EnvelopeDoubt(offset, reason) for offset, reason in problems),
    )


def recipients_of(
    buffer: Buffer, plan: SplitPlan, mark: RecipientMark = RecipientMark.KEPT
) -> Generator[str, None, None]:
    """Yield the recipients with a mark, in the order of the envelope and in constant memory.

    ``buffer`` has to hold the bytes that the plan was made of. A mapped one can be closed only
    after the generator.
    """
    chosen = bytes(mark == value for value in range(256))
    if end := plan.marks.rfind(mark) + 1:  # none is read behind the last one
        yield from compress(iterate_recipients(buffer), plan.marks[:end].translate(chosen))


def content_sha256(buffer: Buffer, start: int = 0) -> str:
    """Return the SHA-256, in hex, of a buffer from an offset on, in constant memory."""
    digest = hashlib.sha256()
    for first in range(start, len(buffer), WINDOW):
        block = buffer[first : first + WINDOW]
        digest.update(block)
        release_pages(buffer, first, first + len(block))
    return digest.hexdigest()


def recipient_list(some: Iterable[str]) -> bytes:
    """Return what a hash of a list of recipients is made of: each address and an LF."""
    return "".join([f"{one}\n" for one in some]).encode("latin-1")


def batches(recipients: Iterable[str]) -> Iterator[list[str]]:
    """Yield recipients in lists of a few thousand."""
    left = iter(recipients)
    while some := list(islice(left, _AT_ONCE)):
        yield some


def _batches(buffer: Buffer) -> Iterator[list[str]]:
    return batches(iterate_recipients(buffer))


def _originator(buffer: Buffer, envelope: Envelope) -> str:
    """Return the originator of an envelope that can be divided, else raise SplitRefusedError."""
    end = envelope.raw_length
    if envelope.format is MailFormat.RFC822:
        raise SplitRefusedError(
            "it has no envelope: recipients that stand only in its header do not tell who was to "
            "get it, since Bcc is missing there"
        )
    is_whole = buffer[max(end - len(END_SIGNATURE), 0) : end] == END_SIGNATURE
    if envelope.format is MailFormat.IMCR and end == len(buffer) and not is_whole:
        raise SplitRefusedError("its envelope is cut short: there may be more recipients")
    if envelope.recipient_count == 0:
        raise SplitRefusedError("its envelope names no recipient")
    if envelope.originator is None:
        raise SplitRefusedError("its originator is not known: a part needs one")
    if _CONTROL.search(envelope.originator) or envelope.originator.isspace():
        raise SplitRefusedError("its originator is blank or holds a control character")
    return envelope.originator


@dataclass(slots=True)
class _Marking:
    """What has been found so far. ``repeated`` are hashes that came more than once."""

    leave_out: Callable[[str], bool] | None
    marks: bytearray = field(default_factory=bytearray)
    seen: set[int] = field(default_factory=set)
    repeated: set[int] = field(default_factory=set)
    duplicates: int = 0
    odd: int = 0
    some_duplicates: list[MarkedRecipient] = field(default_factory=list)
    some_refused: list[MarkedRecipient] = field(default_factory=list)
    some_odd: list[MarkedRecipient] = field(default_factory=list)
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    def take(self, some: list[str]) -> None:
        """Mark the next recipients, duplicates apart, and note the hashes of those kept."""
        lines = recipient_list(some)
        self.digest.update(lines)
        text = lines.decode("latin-1")
        # An address with an LF in it would pass for two that are plain.
        if text.count("\n") == len(some) and _PLAIN_LINES.fullmatch(text):
            marks = _KEPT * len(some)
        else:
            marks = bytes(map(self._mark, range(len(self.marks) + 1, 1 << 62), some))
        if self.leave_out is not None:
            marks = bytes(map(self._left_out, marks, some))
        kept = some
        if marks.count(_KEPT) != len(some):
            kept = [one for one, mark in zip(some, marks, strict=True) if mark == _KEPT[0]]
        self.marks += marks
        hashes = _hashes(kept)
        different = set(hashes)
        if len(different) == len(hashes) and self.seen.isdisjoint(different):
            self.seen |= different
            return
        for one in hashes:
            if one in self.seen:
                self.repeated.add(one)
            else:
                self.seen.add(one)

    def _mark(self, number: int, address: str) -> int:
        if _PLAIN.fullmatch(address):
            return RecipientMark.KEPT
        if not address.strip() or _CONTROL.search(address):
            if len(self.some_refused) < MOST_TOLD:
                reason = "it holds a control character" if address.strip() else "it is empty"
                self.some_refused.append(MarkedRecipient(number, address, reason))
            return RecipientMark.REFUSED
        if oddness := _oddness(address):
            self.odd += 1
            if len(self.some_odd) < MOST_TOLD:
                self.some_odd.append(MarkedRecipient(number, address, oddness))
        return RecipientMark.KEPT

    def _left_out(self, mark: int, address: str) -> int:
        assert self.leave_out is not None
        if mark == RecipientMark.KEPT and self.leave_out(address):
            return RecipientMark.LEFT_OUT
        return mark

    def mark_duplicates(self, again: Iterable[list[str]], keep: bool) -> None:
        """Count the addresses that really come twice, and mark them unless they are to be kept."""
        met: set[str] = set()
        start = 0
        for some in again:
            hashes = _hashes(some)
            if not self.repeated.isdisjoint(hashes):
                for number, (address, one) in enumerate(zip(some, hashes, strict=True), start):
                    if one in self.repeated and self.marks[number] == RecipientMark.KEPT:
                        key = without_domain_case(address)
                        if key in met:
                            self._duplicate(number, address, keep)
                        met.add(key)
            start += len(some)

    def _duplicate(self, number: int, address: str, keep: bool) -> None:
        self.duplicates += 1
        if not keep:
            self.marks[number] = RecipientMark.DUPLICATE
        if len(self.some_duplicates) < MOST_TOLD:
            told = MarkedRecipient(number + 1, address, "it stands there before")
            self.some_duplicates.append(told)


def _hashes(some: list[str]) -> list[int]:
    text = "".join(some)
    return list(map(_hash, some if text == text.lower() else map(without_domain_case, some)))


def _oddness(address: str) -> str | None:
    """Return why a mail server may refuse an address, None where nothing speaks against it."""
    if problem := address_problem(address):
        return problem
    if not address.isascii():
        return "the address holds 8-bit characters, which only some servers take"
    return None if "@" in address else "the address has no domain"


def _with_offsets(
    buffer: Buffer, envelope: Envelope, refused: list[MarkedRecipient]
) -> Iterator[MarkedRecipient]:
    """Yield the recipients with the offsets of their lines; only a Pickup file has such ones."""
    if not refused or envelope.format is not MailFormat.PICKUP:
        yield from refused
        return
    # No value holds a line end, so the nth line is that of the nth recipient.
    lines = _RECEIVER_LINE.finditer(buffer, 0, envelope.raw_length)
    passed = 0
    for one in refused:
        line = next(islice(lines, one.number - 1 - passed, None))
        passed = one.number
        yield replace(one, offset=line.start())
