"""A connection is encrypted and signed in as it was asked for, or not used at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from smtp_server import DROP_TEXT, Accounts, MailServer, mail_server, self_signed

from imctool.model.submission import SmtpServer, Tls
from imctool.repair.smtp_session import (
    ConnectionLostError,
    SmtpSession,
    SubmissionError,
    open_session,
    reply_of,
)

ACCOUNTS = Accounts(b"ann", b"secret")


def known(server: MailServer, **changes: Any) -> SmtpServer:
    return replace(SmtpServer(server.host, server.port, timeout=5.0, final_timeout=5.0), **changes)


def opened(server: MailServer, **changes: Any) -> SmtpSession:
    """Open a session, begin a mail in it and take leave."""
    session = open_session(known(server, **changes))
    assert session.mail(b"", 10, False, False).positive
    session.quit()
    return session


def refusal(server: MailServer, **changes: Any) -> str:
    with pytest.raises(SubmissionError) as refused:
        open_session(known(server, **changes))
    return str(refused.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return self_signed(tmp_path_factory.mktemp("certificate"))


# Encryption


@pytest.mark.parametrize("tls", [Tls.AUTO, Tls.NONE])
def test_where_no_encryption_is_offered_mail_goes_in_the_clear(tls: Tls) -> None:
    with mail_server() as server:
        opened(server, tls=tls)
        assert server.count("MAIL") == 1


def test_encryption_that_is_required_and_not_offered_ends_it() -> None:
    with mail_server() as server:
        assert "does not offer STARTTLS" in refusal(server, tls=Tls.REQUIRE)


def test_encryption_is_used_where_it_is_offered(certificate: Any) -> None:
    context, authority = certificate
    with mail_server(tls_context=context, require_starttls=True) as server:
        opened(server)
        opened(server, tls=Tls.REQUIRE, ca_file=authority)
        assert server.count("EHLO") == 4  # each is greeted anew under TLS
        session = open_session(known(server, tls=Tls.NONE))
        with pytest.raises(SubmissionError, match="530 Must issue a STARTTLS command first"):
            session.mail(b"", 10, False, False)
        session.close()


def test_a_certificate_is_checked_where_it_matters(certificate: Any) -> None:
    context, authority = certificate
    with mail_server(tls_context=context, authenticator=ACCOUNTS) as server:
        said = refusal(server, tls=Tls.REQUIRE)
        assert "certificate cannot be trusted: self" in said
        assert "certificate cannot be trusted" in refusal(server, user="ann", password="secret")
        assert "AUTH" not in " ".join(server.heard)
        wrong = refusal(server, tls=Tls.REQUIRE, ca_file=authority, host="localhost")
        assert "certificate cannot be trusted" in wrong
        missing = refusal(server, tls=Tls.REQUIRE, ca_file=Path("no such file"))
        assert "the authorities in no such file cannot be read" in missing


def test_encryption_from_the_first_byte(certificate: Any) -> None:
    context, authority = certificate
    with mail_server(implicit=context) as server:
        opened(server, tls=Tls.IMPLICIT, ca_file=authority)
        assert "certificate cannot be trusted" in refusal(server, tls=Tls.IMPLICIT)
    with mail_server() as server:
        assert "TLS failed" in refusal(server, tls=Tls.IMPLICIT)


def test_a_word_slipped_in_before_the_encryption_ends_it(certificate: Any) -> None:
    context, _ = certificate
    with mail_server(
        lambda verb, argument: "220 Go on\r\n250 slipped" if verb == "STARTTLS" else None,
        tls_context=context,
    ) as server:
        assert "slipped in before STARTTLS" in refusal(server)
        assert server.count("MAIL") == 0


def test_a_refused_starttls_is_told(certificate: Any) -> None:
    context, _ = certificate
    with mail_server(
        lambda verb, argument: "454 4.7.0 Not now" if verb == "STARTTLS" else None,
        tls_context=context,
    ) as server:
        assert "STARTTLS was refused: 454 4.7.0 Not now" in refusal(server)


# Signing in


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_user_signs_in(certificate: Any, mechanism: str) -> None:
    context, authority = certificate
    other = "LOGIN" if mechanism == "PLAIN" else "PLAIN"
    with mail_server(
        tls_context=context,
        authenticator=ACCOUNTS,
        auth_required=True,
        auth_exclude_mechanism=[other],
    ) as server:
        opened(server, user="ann", password="secret", ca_file=authority)
        said = refusal(server, user="ann", password="guess", ca_file=authority)
        assert "the user or password was refused: 535" in said
        assert "guess" not in said


def test_a_password_is_not_sent_in_the_clear_unless_that_was_asked_for() -> None:
    with mail_server(authenticator=ACCOUNTS, auth_require_tls=False) as server:
        assert "not sent in the clear" in refusal(server, user="ann", password="secret")
        assert server.heard[-1].startswith("EHLO")
        opened(server, user="ann", password="secret", tls=Tls.NONE)


def test_a_user_that_cannot_sign_in_is_told_why() -> None:
    with mail_server() as server:
        assert "does not offer AUTH" in refusal(server, user="ann", password="x", tls=Tls.NONE)
    with mail_server(authenticator=ACCOUNTS, auth_require_tls=False) as server:
        said = refusal(server, user="ann", password="sécret", tls=Tls.NONE)
        assert "not plain ASCII" in said


# What it says and hears


def test_it_names_itself_by_its_own_address() -> None:
    with mail_server() as server:
        opened(server)
        opened(server, client_name="spool.proseware.example")
        assert [one for one in server.heard if one.startswith("EHLO")] == [
            "EHLO [127.0.0.1]",
            "EHLO spool.proseware.example",
        ]


@pytest.mark.parametrize(
    ("stated", "limit"),
    [("SIZE 1000", 1000), ("SIZE", None), ("SIZE 0", None), ("SIZE x", None), ("HELP", None)],
)
def test_the_limit_of_a_server_is_what_it_states(stated: str, limit: int | None) -> None:
    with mail_server(
        lambda verb, argument: f"250-mail.example\r\n250 {stated}" if verb == "EHLO" else None
    ) as server:
        session = open_session(known(server))
        assert (session.size_limit, session.states_size) == (limit, "SIZE" in stated)
        session.close()


def test_a_server_that_hangs_up_in_the_text_does_not_get_its_end() -> None:
    with mail_server(lambda verb, argument: DROP_TEXT if verb == "DATA" else None) as server:
        session = open_session(known(server))
        session.mail(b"", 10, False, False)
        session.recipient(b"bob@litware.example")
        assert session.data() is None

        def text() -> Iterator[bytes]:
            yield b"Subject: x\r\n"
            until = time.monotonic() + 5
            while session.undisturbed() and time.monotonic() < until:
                time.sleep(0.001)

        with pytest.raises(ConnectionLostError, match="ended while the text was sent"):
            session.send_text(text())
        assert "DOT" not in server.heard


@pytest.mark.slow
def test_a_server_that_never_answers_is_given_up() -> None:
    with mail_server(lambda verb, argument: "250-more" if verb == "MAIL" else None) as server:
        session = open_session(known(server, timeout=0.3))
        with pytest.raises(ConnectionLostError, match="did not answer in time"):
            session.mail(b"", 10, False, False)


def test_a_reply_is_one_line_that_can_be_shown_and_is_bounded() -> None:
    assert str(reply_of(250, b"2.0.0 Ok\nqueued  as\tA1")) == "250 2.0.0 Ok queued as A1"
    assert reply_of(550, b"na\xefve").text == "na\\xefve"
    assert reply_of(550, "naïve".encode()).text == "naïve"
    assert len(reply_of(550, b"\xff" * 60_000).text) == 500
    assert str(reply_of(250, b"")) == "250"
