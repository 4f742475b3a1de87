"""The message tracking log, as Q173280 gives its fields."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imctool.model.evidence import Defect, EvidenceFile, Form, InputKind
from imctool.model.smtp import LogSpan
from imctool.model.tracking import TrackingRecord
from imctool.readers.log_bytes import byte_lines
from imctool.readers.tracking_log import (
    KEPT_RECIPIENTS,
    exchange_2000_tracking,
    parse_tracking_log,
    read_tracking_log,
    sniff_tracking_log,
)

MTS_ID = "c=US;a= ;p=Org;l=SERVER9711051951WKA6D6YM"


def parse(text: str | bytes):
    data = text.encode("cp1252") if isinstance(text, str) else text
    found = list(parse_tracking_log(byte_lines(BytesIO(data)), "19971105.log"))
    records = [one for one in found if isinstance(one, TrackingRecord)]
    defects = [one for one in found if isinstance(one, Defect)]
    span = found[-1]
    assert isinstance(span, LogSpan)
    return records, defects, span


def line(event: int = 1012, count: int | str = 1, when: str = "1997.11.5 19:51:27") -> str:
    fields = [MTS_ID, str(event), when, "/o=O/cn=IMC (S)", "", "<1@x>", "", "0", "2302"]
    return "\t".join([*fields, "0", "1", "", str(count)])


def test_a_record_is_thirteen_fields_and_its_recipient_lines():
    text = line(count=2) + "\r\nuser@example.com\t\r\n/o=O/cn=Two\t1\r\n"
    records, defects, span = parse(text)
    assert not defects
    (record,) = records
    assert record.message_id == MTS_ID
    assert record.event == 1012
    assert record.time == datetime(1997, 11, 5, 19, 51, 27, tzinfo=UTC)
    assert (record.gateway, record.remote_id) == ("/o=O/cn=IMC (S)", "<1@x>")
    assert (record.priority, record.length, record.seconds, record.cost) == ("0", 2302, "0", "1")
    assert record.recipient_count == 2
    assert record.recipients == (("user@example.com", ""), ("/o=O/cn=Two", "1"))
    assert (span.first, span.last, span.records, span.torn) == (record.time, record.time, 1, False)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("lead", ["", "\t"])
@pytest.mark.parametrize("trail", ["", "\t"])
def test_recipient_lines_are_read_in_every_plausible_form(end: str, lead: str, trail: str):
    text = f"{line()}{trail}{end}{lead}user@example.com{trail}{end}{line(1013, 0)}{end}"
    records, defects, _ = parse(text)
    assert not defects
    assert [one.event for one in records] == [1012, 1013]
    assert records[0].recipients == (("user@example.com", ""),)


@pytest.mark.parametrize("when", ["1998.3.4 1:02:03", "1998.03.04 01:02:03", "1998/3/4 1:02:03",
                                  "1998-03-04 01:02:03"])  # fmt: skip
def test_the_date_is_year_month_day_with_or_without_zeros(when: str):
    records, _, _ = parse(line(4, 0, when) + "\r\n")
    assert records[0].time == datetime(1998, 3, 4, 1, 2, 3, tzinfo=UTC)


def test_recipients_on_the_record_line_are_read():
    records, defects, _ = parse(line(count=2) + "\ta@x\t0\tb@x\t1\r\n" + line(1013, 0) + "\r\n")
    assert not defects
    assert records[0].recipients == (("a@x", "0"), ("b@x", "1"))


def test_a_line_of_twelve_fields_lost_the_blank_subject_id():
    fields = line().split("\t")
    del fields[11]
    records, defects, _ = parse("\t".join(fields) + "\r\na@x\t\r\n")
    assert not defects
    assert (records[0].recipient_count, records[0].recipients) == (1, (("a@x", ""),))


def test_a_record_without_field_13_takes_the_lines_that_follow():
    records, _, _ = parse(f"{MTS_ID}\t7\t1998.3.4 11:14:10\t/O=ORG\r\na@x\t\r\nb@x\t\r\n")
    assert (records[0].gateway, records[0].recipient_count) == ("/O=ORG", 2)


def test_a_record_within_anothers_recipients_is_found_and_reported():
    records, defects, _ = parse(f"{line(count=3)}\r\na@x\t\r\n{line(1013)}\r\nb@x\t\r\n")
    assert [one.event for one in records] == [1012, 1013]
    assert (records[0].recipient_count, len(records[0].recipients)) == (3, 1)
    assert [(one.location.line, one.reason) for one in defects] == [
        (1, "record has 1 of its 3 recipient lines")
    ]


def test_what_is_no_record_is_one_defect_a_stretch():
    records, defects, _ = parse(f"junk\r\nmore junk\r\n{line(4, 0)}\r\nstray\r\n{line(9, 0)}\r\n")
    assert len(records) == 2
    assert [one.location.line for one in defects] == [1, 4]


def test_an_impossible_date_costs_its_record_only():
    bad = line(1012, 1, "1998.13.40 11:14:10") + "\r\na@x\t\r\n"
    records, defects, _ = parse(bad + line(1013, 0) + "\r\n")
    assert [one.event for one in records] == [1013]
    assert [one.reason for one in defects] == ["impossible date or time in a record"]


def test_nul_bytes_are_left_out_and_reported_once():
    records, defects, _ = parse(b"\0\0\0\0" + (line() + "\r\na@x\t\r\n").encode())
    assert records[0].recipients == (("a@x", ""),)
    assert [one.reason for one in defects] == ["NUL bytes"]


def test_a_file_that_ends_within_a_record_is_torn():
    for text in (line(count=2) + "\r\na@x\t\r\n", line(count=0)):
        records, _, span = parse(text)
        assert len(records) == 1
        assert span.torn


def test_recipients_beyond_what_is_kept_are_counted():
    count = KEPT_RECIPIENTS + 5
    records, defects, _ = parse(line(count=count) + "\n" + "u@x\t\n" * count + line(1013, 0) + "\n")
    assert not defects
    assert (records[0].recipient_count, len(records[0].recipients)) == (count, KEPT_RECIPIENTS)
    assert records[1].event == 1013


def test_text_that_is_no_number_is_no_length():
    records, _, _ = parse(line().replace("\t2302\t", "\t\t") + "\r\na@x\t\r\n")
    assert records[0].length is None


def test_the_head_of_a_file_tells_the_log():
    assert sniff_tracking_log(line())
    assert sniff_tracking_log("junk\r\n" + line() + "\r\n")
    assert not sniff_tracking_log("a\tb\tc\n5/13/00\t2:36:27 PM\tx\n")
    header = "# Message Tracking Log File\r\n# Exchange System Attendant Version 6.0.4417.0\r\n"
    assert exchange_2000_tracking(header)
    assert not exchange_2000_tracking(line())


def test_a_log_of_exchange_2000_is_not_misread():
    records, defects, span = parse("# Message Tracking Log File\r\n" + line(count=0) + "\r\n")
    assert (records, span.records, len(defects)) == ([], 0, 1)


def test_names_are_read_in_the_ansi_code_page():
    records, _, _ = parse((line() + "\r\n").encode() + b"/o=O/cn=M\xfcller \x96 X\t0\r\n")
    assert records[0].recipients == (("/o=O/cn=M\u00fcller \u2013 X", "0"),)


def test_a_file_that_cannot_be_opened_is_a_defect(tmp_path: Path):
    file = EvidenceFile(tmp_path / "no.log", "no.log", 0, InputKind.TRACKING_LOG, Form.TRACKING_LOG)
    (found,) = read_tracking_log(file)
    assert isinstance(found, Defect)


def test_a_file_is_read_under_its_name(tmp_path: Path):
    path = tmp_path / "19971105.log"
    path.write_bytes((line(count=0) + "\r\n").encode())
    file = EvidenceFile(path, "logs/1.log", 1, InputKind.TRACKING_LOG, Form.TRACKING_LOG)
    record, span = read_tracking_log(file)
    assert isinstance(record, TrackingRecord)
    assert isinstance(span, LogSpan)
    assert str(record.location) == "logs/1.log:1"


_WORD = st.text("abcXYZ019 =/;<>@.-_()\u00e9", max_size=20).map(str.strip)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(_WORD, min_size=9, max_size=9),
            st.integers(0, 1018),
            st.datetimes(datetime(1996, 1, 1), datetime(2030, 1, 1)),
            st.lists(st.tuples(_WORD, st.sampled_from(["", "0", "1"])), max_size=4),
        ),
        max_size=4,
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_read(rows, end: str):
    text = ""
    for words, event, when, recipients in rows:
        stamp = f"{when.year}.{when.month}.{when.day} {when.hour}:{when:%M:%S}"
        fields = [words[0], str(event), stamp, *words[1:6], "77", "0", "1", words[6]]
        text += "\t".join([*fields, str(len(recipients))]) + end
        text += "".join(f"{name}\t{status}{end}" for name, status in recipients)
    records, defects, span = parse(text)
    assert not [one for one in defects if one.reason != "empty file"]
    assert span.records == len(rows)
    for record, (words, event, when, recipients) in zip(records, rows, strict=True):
        assert (record.message_id, record.event) == (words[0], event)
        assert record.time == when.replace(microsecond=0, tzinfo=UTC)
        assert (record.originator, record.subject_id) == (words[4], words[6])
        assert record.recipients == tuple(recipients)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data: bytes):
    for text in (data, (line(count=3) + "\r\n").encode() + data):
        records, _, span = parse(text)
        assert span.records == len(records)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                line() + "\r\na@x\t\r\n",
                line(count=2) + "\na@x\n\tb@x\t1\n",
                line(4, 0) + "\t\r\n",
                line(9, 3) + "\r\na@x\r\n\r\n",
                line(9, "") + "\r\n",
                line(9, 1, "1998.13.40 1:02:03") + "\r\nb@x\t0\r\n",
                line().replace("SERVER", "SER\rVER") + "\r\n",
                " " + line(count=1) + " \r\n \t\r\n",
                "stray\r\n",
                "\xa0\t\t\r\n",
                "\x00",
                "\r\n",
                "\x81\n",
            ]
        ),
        max_size=10,
    ).map("".join)
)
def test_many_lines_at_once_are_the_same_records(text: str):
    data = text.encode("latin-1")
    at_once = list(parse_tracking_log([data], "x"))
    assert at_once == list(parse_tracking_log(byte_lines(BytesIO(data)), "x"))


@pytest.mark.slow
def test_a_large_log_is_read_fast():
    row = (line(count=2) + "\r\na@example.com\t\r\nb@example.com\t\r\n").encode()
    data = row * 50_000
    start = time.perf_counter()
    count = sum(1 for _ in parse_tracking_log(byte_lines(BytesIO(data)), "x"))
    elapsed = time.perf_counter() - start
    assert count == 50_001
    assert 150_000 / elapsed > 50_000  # lines a second; far below what an idle machine does


@pytest.mark.slow
@pytest.mark.parametrize("unit", [b"\t", b"a\t1\t", b"\0", b"1998.3.4 ", b"\r", b"\n\t\n"])
def test_time_is_linear(unit: bytes):
    start = time.perf_counter()
    parse(unit * (4_000_000 // len(unit)))
    assert time.perf_counter() - start < 15
