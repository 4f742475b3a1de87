"""Over 32,766 recipients: what the events add to the count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imctool.model.diagnosis import Diagnosis
from imctool.model.finding import Confidence

SAVED = (
    "1/8/2001\t2:09:52 PM\tMSExchangeIMC\tError\tInternal Processing\t4120\tN/A\tMAIL\t"
    "In the process of creating a notification of delivery failure to the sender of a message, "
    "an error occurred causing the notification to be aborted.\r\n"
)


def only_finding(diagnosis: Diagnosis) -> tuple[str | None, Confidence, int | None]:
    (finding,) = diagnosis.findings
    return finding.article, finding.confidence, finding.recipients


def test_data_with_the_spool_name_of_the_file_make_it_certain(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    assert only_finding(diagnosed(story("q272672"))) == ("Q272672", Confidence.CERTAIN, 32767)


def test_an_export_without_data_leaves_it_likely(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    evidence = story("q272672")
    for log in evidence.rglob("*.Evt"):
        log.unlink()
    (evidence / "saved.txt").write_text(SAVED, newline="")
    assert only_finding(diagnosed(evidence)) == ("Q272672", Confidence.LIKELY, 32767)


def test_the_count_alone_leaves_it_possible(
    story: Callable[[str], Path], diagnosed: Callable[[Path], Diagnosis]
) -> None:
    evidence = story("q272672")
    for log in evidence.rglob("*.Evt"):
        log.unlink()
    assert only_finding(diagnosed(evidence)) == ("Q272672", Confidence.POSSIBLE, 32767)
