"""The settings that ``imccopy -save domain`` writes out of the Internet Mail Service (Q262126).

An .ini-like text; behind its ``[Domain]`` head each line that begins with ``+`` is one domain,
``+Default`` among them, with its eight fields between commas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imctool.model.evidence import Defect, EvidenceFile, Location
from imctool.model.settings import CharacterSets
from imctool.readers.text_file import Line, numbered_lines, text_blocks

_FIELDS = 8
"""Domain, MIME and non-MIME character set, format bits, wrap column, rich text, unused, size."""


def read_imc_settings(file: EvidenceFile) -> Iterator[CharacterSets | Defect]:
    """Yield the settings in a file of imccopy and its defects; see :func:`parse_imc_settings`.

    A file that cannot be opened is one Defect with the system's reason.
    """
    try:
        yield from parse_imc_settings(numbered_lines(text_blocks(file.path)), file.name)
    except OSError as error:
        yield Defect(file.location(), error.strerror or str(error))


def parse_imc_settings(lines: Iterable[Line], name: str) -> Iterator[CharacterSets | Defect]:
    """Yield the Character Sets of each E-Mail Domain, ``Default`` among them, in file order.

    Character sets are given as they stand, whether or not such a set is known. Lines that
    belong to another value than DomainInformation are passed over. A domain's line that lacks
    fields is a Defect, and is read if its two character sets are there.
    """
    of_domains = True
    for number, line in lines:
        text = line.strip()
        if text and not text.startswith("+"):
            of_domains = text.lower().startswith("domaininformation=")
        if not text.startswith("+") or not of_domains:
            continue
        location = Location(name, line=number)
        fields = [field.strip() for field in text[1:].split(",")]
        if len(fields) != _FIELDS:
            yield Defect(location, f"{len(fields)} fields instead of {_FIELDS}")
        if len(fields) >= 3:
            domain, mime, non_mime, *rest = fields
            yield CharacterSets(location, domain, mime, non_mime, tuple(rest))
