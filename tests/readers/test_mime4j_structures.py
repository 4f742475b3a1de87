"""The part trees of hard messages, against the structures that Apache James Mime4J expects."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from imctool.model.mail import Part
from imctool.readers.mime_skeleton import read_skeleton
from tests.conftest import samples_folder

pytestmark = pytest.mark.slow

DIFFERENT: dict[str, str] = {}
"""File: why its tree differs."""

_FOLDER = samples_folder()
_FILES = sorted((_FOLDER / "mime" / "mime4j").glob("*.msg")) if _FOLDER else []


def expected(element: ET.Element) -> list[object]:
    """Return the tree below an element: ``body``, or a list of what a container holds."""
    tree: list[object] = []
    for child in element:
        if child.tag == "body":
            tree.append("body")
        elif child.tag == "message":
            tree.append(["message", *expected(child)])
        elif child.tag == "multipart":
            parts = [item for one in child.iter() if one in child for item in expected_part(one)]
            tree.append(["multipart", *parts])
    return tree


def expected_part(element: ET.Element) -> list[object]:
    return expected(element) if element.tag == "body-part" else []


def tree_of(parts: tuple[Part, ...]) -> list[object]:
    """Return the tree that the numbers of the parts tell, in the same form."""
    root: list[object] = []
    holders: dict[str, list[object]] = {"": root}
    for part in parts:
        base, _, last = part.number.rpartition(".")
        holder = holders[base]
        if last == "TEXT":
            holders[base] = ["multipart"]
            holder.append(holders[base])
        elif part.content_type.startswith("multipart/"):
            holders[part.number] = ["multipart"]
            holder.append(holders[part.number])
        elif part.content_type == "message/rfc822":
            holders[part.number] = ["message"]
            holder.append(holders[part.number])
        else:
            holder.append("body")
    return root


@pytest.mark.skipif(not _FILES, reason="no samples: set IMCTOOL_SAMPLES to their folder")
@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_the_tree_is_the_expected_one(path: Path) -> None:
    xml = path.with_suffix(".xml")
    if not xml.exists():
        pytest.skip("the samples state no structure for this one")
    try:
        root = ET.fromstring(xml.read_bytes())
    except ET.ParseError:
        pytest.skip("the stated structure holds control characters that are no XML")
    same = tree_of(read_skeleton(path.read_bytes()).parts) == expected(root)
    assert same is (path.name not in DIFFERENT)
