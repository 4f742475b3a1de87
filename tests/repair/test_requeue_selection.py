"""Which archived messages are selected, and what speaks against one: fate, copies, its own form."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from failed_mail import FIRST, SENDER, FailedMail
from spool_builder import imcr_envelope

from imctool.ledger.ledger import build_ledger
from imctool.model.mail import SpoolFile
from imctool.model.message import Fate, Message
from imctool.model.requeue import Objection, Reason, RequeueItem
from imctool.readers.collection import collect
from imctool.repair.requeue_selection import (
    Choice,
    Judge,
    Judged,
    Selection,
    select,
    unnamed,
    without_forced,
    without_twins,
)
from imctool.repair.spool_root import find_spools

ONE, TWO, THREE = "MKDWZAR5", "MKDWZAR6", "MKDWZAR7"
SAME_ID = "<letter@far.example>"
A, B, C = "a@o.example", "b@o.example", "c@o.example"


@pytest.fixture
def site(tmp_path: Path) -> FailedMail:
    return FailedMail(tmp_path)


def judged_as_harmless(message: Message, file: SpoolFile) -> Judged:
    return Judged(("Q230250",))


def selection(
    site: FailedMail, choice: Choice | None = None, judge: Judge = judged_as_harmless
) -> Selection:
    site.write()
    ledger = build_ledger(collect([site.folder], jobs=1))
    [spool] = find_spools(site.folder)
    return select(ledger.messages, site.folder, spool, "Imcdata", choice or Choice(), judge)


def single(site: FailedMail, choice: Choice | None = None) -> list[RequeueItem]:
    """The selected messages, of which copies of one are told."""
    return list(without_twins(selection(site, choice).items))


def going(site: FailedMail, choice: Choice | None = None) -> list[str]:
    return [one.name for one in single(site, choice) if not one.objections]


def refused(site: FailedMail, choice: Choice | None = None) -> dict[str, tuple[Objection, ...]]:
    return {one.name: one.objections for one in single(site, choice) if one.objections}


def named(*names: str) -> Choice:
    return Choice(names=frozenset(names))


# What is selected


def test_only_what_is_shown_to_have_failed_is_selected(site: FailedMail) -> None:
    site.mail(ONE)
    site.mail(TWO, failed=False, delivered=True)
    site.mail(THREE, failed=False)
    found = selection(site)
    assert [one.name for one in found.items] == [ONE]
    assert found.unknown == 1


def test_an_item_says_who_would_get_what_and_since_when_it_failed(site: FailedMail) -> None:
    path = site.mail(ONE, recipients=(A, B), subject="Berth 9")
    [one] = selection(site).items
    assert (one.location, one.source) == (f"Imcdata/In/Archive/{ONE}", f"In/Archive/{ONE}")
    assert (one.originator, one.recipients, one.recipient_count) == (SENDER, (A, B), 2)
    assert (one.spool_name, one.subject, one.fate) == (ONE, "Berth 9", Fate.ARCHIVED)
    assert one.articles == ("Q230250",)
    assert one.failed is not None
    assert one.failed.replace(tzinfo=None) == FIRST + timedelta(seconds=3)
    assert path.read_bytes()[one.text_offset :].startswith(b"Received:")


def test_the_last_of_several_failures_counts(site: FailedMail) -> None:
    site.mail(ONE)
    site.event_4117(ONE, FIRST + timedelta(hours=5))
    [one] = selection(site).items
    assert one.failed is not None
    assert one.failed.replace(tzinfo=None) == FIRST + timedelta(hours=5)


def test_delivered_after_its_failure_it_is_no_more_a_failed_one(site: FailedMail) -> None:
    site.mail(ONE, delivered=True, failed=False)
    site.event_4117(ONE, FIRST - timedelta(minutes=10))
    assert selection(site).items == ()
    assert refused(site, named(ONE))[ONE][0].reason is Reason.DELIVERED


def test_failed_with_a_delivery_before_it_is_refused_as_delivered(site: FailedMail) -> None:
    site.mail(ONE, delivered=True, failed=False)
    site.event_4117(ONE, FIRST + timedelta(hours=1))
    [objection] = refused(site)[ONE]
    assert objection.reason is Reason.DELIVERED
    assert "1013" in objection.text
    assert "Tracking.log/20000516.log" in objection.text


def test_by_name_a_message_goes_without_evidence_of_failure(site: FailedMail) -> None:
    site.mail(ONE)
    site.mail(TWO, failed=False)
    site.mail(THREE, failed=False)
    assert going(site, named(TWO)) == [TWO]
    assert going(site, Choice(every=True)) == [ONE, TWO, THREE]


def test_what_is_selected_by_name_is_not_counted_as_staying(site: FailedMail) -> None:
    site.mail(TWO, failed=False)
    site.mail(THREE, failed=False)
    assert selection(site, named(TWO)).unknown == 1
    assert selection(site, Choice(every=True)).unknown == 0


def test_by_name_what_was_delivered_is_refused_all_the_same(site: FailedMail) -> None:
    site.mail(ONE, failed=False, delivered=True)
    for choice in (named(ONE), Choice(every=True)):
        assert refused(site, choice)[ONE][0].reason is Reason.DELIVERED


def test_outbound_mail_is_never_selected(site: FailedMail) -> None:
    site.mail(ONE, place="Out/Archive", failed=False)
    assert selection(site, Choice(every=True)).items == ()


def test_names_are_found_by_file_name_and_by_spool_name(site: FailedMail) -> None:
    site.mail(ONE, file_name="copy of it")
    found = selection(site, named("COPY OF IT"))
    assert unnamed({"COPY OF IT": "Copy of it", "X": "x"}, found.named) == ("x",)
    assert selection(site, named(ONE)).items == found.items


def test_a_name_that_selected_a_file_is_not_told_as_missing(site: FailedMail) -> None:
    site.mail(ONE, file_name="copy of it")
    assert unnamed({ONE: ONE.lower()}, selection(site, named(ONE)).named) == ()


# Filters narrow


def test_filters_only_narrow(site: FailedMail) -> None:
    site.mail(ONE, originator="a@east.example")
    site.mail(TWO, originator="b@WEST.example", content_type="text/plain; charset=KOI8-R")
    site.mail(THREE, originator="b@west.example", failed=False)
    west = frozenset({"west.example"})
    assert going(site, Choice(domains=west)) == [TWO]
    assert going(site, Choice(domains=west, every=True)) == [TWO, THREE]
    assert going(site, Choice(domains=frozenset({"example"}))) == []
    assert going(site, Choice(charsets=frozenset({"koi8-r"}))) == [TWO]
    assert going(site, Choice(charsets=frozenset({"koi8-r"}), domains=frozenset({"x"}))) == []
    assert going(site, Choice(articles=frozenset({"Q230250"}))) == [ONE, TWO]
    assert going(site, Choice(articles=frozenset({"Q190084"}))) == []
    late = Choice(wanted=lambda one: one.first is not None and one.first.minute > 0)
    assert going(site, late) == [TWO]


def test_a_null_sender_has_no_domain(site: FailedMail) -> None:
    site.mail(ONE, originator="")
    assert going(site) == [ONE]
    assert going(site, Choice(domains=frozenset({""}))) == []


# Copies: delivered, waiting, selected too


@pytest.mark.parametrize("own", [(A,), (A, B), ("A@O.Example",)])
def test_a_delivered_copy_to_some_of_the_same_recipients_holds_it(
    site: FailedMail, own: tuple[str, ...]
) -> None:
    site.mail(ONE, message_id=SAME_ID, recipients=own)
    site.mail(TWO, message_id=SAME_ID, recipients=(A, C), failed=False, delivered=True)
    [objection] = refused(site)[ONE]
    assert objection.reason is Reason.DELIVERED
    assert f"{TWO}, was delivered" in objection.text
    assert f"1 of its {len(own)} recipients" in objection.text


def test_a_delivered_copy_to_others_does_not_hold_it(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID, recipients=(A,))
    site.mail(TWO, message_id=SAME_ID, recipients=(B,), failed=False, delivered=True)
    assert going(site) == [ONE]


def test_a_message_id_of_another_sender_says_nothing(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID)
    site.mail(
        TWO, message_id=SAME_ID, originator="else@where.example", failed=False, delivered=True
    )
    assert going(site) == [ONE]


def test_a_delivered_copy_that_left_no_file_holds_it(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID, recipients=(A, B))
    site.mail(TWO, message_id=SAME_ID, recipients=(A,), failed=False, delivered=True).unlink()
    [objection] = refused(site)[ONE]
    assert objection.reason is Reason.DELIVERED
    assert "1 of its 2 recipients" in objection.text


def test_a_copy_that_waits_in_in_holds_it(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID)
    site.mail(TWO, message_id=SAME_ID, place="In", failed=False)
    [objection] = refused(site)[ONE]
    assert objection.reason is Reason.DUPLICATE
    assert "waits in In" in objection.text


def test_a_failed_message_that_lies_in_in_as_well_is_refused(site: FailedMail) -> None:
    path = site.mail(ONE)
    site.waiting(ONE).write_bytes(path.read_bytes())
    [objection, *_] = refused(site)[ONE]
    assert objection.reason is None
    assert "waits in In already" in objection.text


def test_of_one_letter_that_failed_twice_one_goes(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID, recipients=(A, B))
    site.mail(TWO, message_id=SAME_ID, recipients=(B, A))
    assert going(site) == [ONE]
    [objection] = refused(site)[TWO]
    assert objection.reason is Reason.DUPLICATE
    assert ONE in objection.text


def test_two_parts_of_a_letter_for_different_recipients_both_go(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID, recipients=(A,))
    site.mail(TWO, message_id=SAME_ID, recipients=(B,))
    assert going(site) == [ONE, TWO]


def test_of_two_failed_copies_with_common_recipients_one_goes(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID, recipients=(A, B))
    site.mail(TWO, message_id=SAME_ID, recipients=(B, C))
    assert len(going(site)) == 1


def test_a_copy_goes_where_the_first_one_cannot(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID, file_name="copy of it", recipients=(A,))
    site.mail(TWO, message_id=SAME_ID, recipients=(A,))
    assert going(site) == [TWO]


def test_forcing_a_reason_does_not_let_two_copies_go(site: FailedMail) -> None:
    def harmful(message: Message, file: SpoolFile) -> Judged:
        return Judged(objections=(Objection(Reason.CHARSET, "a blank charset"),))

    site.mail(ONE, message_id=SAME_ID)
    site.mail(TWO, message_id=SAME_ID)
    forced = list(without_forced(selection(site, judge=harmful).items, {Reason.CHARSET}))
    assert [one.name for one in without_twins(forced) if not one.objections] == [ONE]


def test_a_copy_of_a_file_under_another_spool_name_is_told_by_its_text(site: FailedMail) -> None:
    site.mail(ONE)
    site.in_archive(TWO).write_bytes(site.in_archive(ONE).read_bytes())
    found = single(site, Choice(every=True))
    assert TWO not in [one.name for one in found if not one.objections]
    [copy] = [one for one in found if one.name == TWO]
    assert any(each.reason is Reason.DUPLICATE and ONE in each.text for each in copy.objections)


# The file itself


def texts(site: FailedMail, name: str) -> str:
    return "; ".join(each.text for each in refused(site, Choice(every=True))[name])


def test_a_copy_in_the_archive_of_which_nothing_is_known_holds_it(site: FailedMail) -> None:
    site.mail(ONE, message_id=SAME_ID, recipients=(A,))
    site.mail(TWO, message_id=SAME_ID, recipients=(A, B), failed=False)
    site.mail(THREE, message_id=SAME_ID, recipients=(C,))
    assert going(site) == [THREE]
    [objection] = refused(site)[ONE]
    assert objection.reason is Reason.DUPLICATE
    assert TWO in objection.text


def test_a_cut_envelope_is_refused(site: FailedMail) -> None:
    path = site.mail(ONE)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"EwLs") - 30])
    told = texts(site, ONE)
    assert "its envelope is damaged: envelope is cut short" in told
    assert all(each.reason is None for each in refused(site, named(ONE))[ONE])


def test_an_envelope_without_its_end_is_refused(site: FailedMail) -> None:
    path = site.mail(ONE)
    path.write_bytes(path.read_bytes().replace(b"EwLs", b"EwLx"))
    assert "its envelope is damaged" in texts(site, ONE)


def test_an_envelope_without_recipients_is_refused(site: FailedMail) -> None:
    path = site.mail(ONE)
    text = path.read_bytes().partition(b"EwLs")[2]
    path.write_bytes(imcr_envelope(SENDER, (), mts_id="") + text)
    assert "envelope" in texts(site, ONE)
    assert "recipient" in texts(site, ONE)


def test_a_file_without_an_envelope_is_refused(site: FailedMail) -> None:
    path = site.mail(ONE)
    path.write_bytes(path.read_bytes().partition(b"EwLs")[2])
    assert "no ImCr envelope" in texts(site, ONE)


def test_a_file_that_ends_with_its_envelope_is_refused(site: FailedMail) -> None:
    path = site.mail(ONE)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"EwLs") + 4])
    assert "no message text follows its envelope" in texts(site, ONE)


def test_a_name_in_other_letters_is_the_same_spool_name(site: FailedMail) -> None:
    site.mail("JTMRMAQV", file_name="Jtmrmaqv")
    [one] = selection(site).items
    assert (one.name, one.spool_name, one.objections) == ("Jtmrmaqv", "JTMRMAQV", ())


def test_a_name_that_is_none_of_the_spool_is_refused(site: FailedMail) -> None:
    site.mail(ONE, file_name=f"Copy of {ONE}")
    [objection] = refused(site)[f"Copy of {ONE}"]
    assert objection.reason is None
    assert f"not the name of a spool file; it is {ONE} by its text" in objection.text


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_with_control_characters_is_refused(site: FailedMail) -> None:
    site.mail(ONE, file_name=f"{ONE}\x1b[2J\n")
    [found] = refused(site).values()
    assert found[0].reason is None
    assert "not the name of a spool file" in found[0].text


def test_two_spellings_of_a_name_are_both_refused(site: FailedMail) -> None:
    site.mail(ONE)
    site.mail(ONE, file_name=ONE.lower(), message_id="<other@far.example>", failed=False)
    if len(os.listdir(site.in_archive(""))) < 2:
        pytest.skip("this file system takes both for one name")
    found = refused(site, Choice(every=True))
    assert set(found) == {ONE, ONE.lower()}
    assert all("two spellings" in each[-1].text for each in found.values())


def test_a_forced_reason_becomes_a_warning_and_others_stay(site: FailedMail) -> None:
    site.mail(ONE, failed=False, delivered=True)
    site.in_archive(ONE).rename(site.in_archive(TWO))
    found = selection(site, Choice(every=True)).items
    [one] = without_forced(found, frozenset({Reason.DELIVERED, Reason.DUPLICATE}))
    assert any("forced:" in text for text in one.warnings)
    assert all(each.reason is None for each in one.objections)


def test_a_subject_is_kept_as_it_reads(site: FailedMail) -> None:
    site.mail(ONE, subject="=?iso-8859-1?Q?Caf=E9?=")
    [found] = selection(site).items
    assert found.subject == "Café"
