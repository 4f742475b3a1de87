"""The sessions of an SMTP protocol log, given what many entries say at once.

That comes to the same as to take the entries one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from imctool.readers.logged_text import RebuiltText
from imctool.readers.protocol_packets import PACKET
from imctool.readers.protocol_sessions import Continues, Sessions
from imctool.readers.smtp_dialogue import Dialogue


class BulkSessions(Sessions):
    """Takes exchanges, packets and whole texts too; see Sessions for its arguments."""

    @property
    def exchanging(self) -> Dialogue | None:
        """The dialogue in which entries may come next that belong together, None in any doubt.

        It may be given what they say at once, with ``note_entries`` before: the same as to take
        the entries one by one.
        """
        if (
            self._text is not None
            or self._held is not None
            or self._open_reply is not None
            or self._echo
        ):
            return None
        return self._dialogue

    @property
    def in_packet_of_lines(self) -> bool:
        """Whether an empty line now ends a packet outside a text; else it says nothing there."""
        return self._continues is Continues.PACKET

    def note_entries(self, *, packet: bool, blank: bool) -> None:
        """Note how lines and replies are logged: by packet, with an empty line after it."""
        self._arrows = self.commands_seen = True
        if packet:
            self.texts_seen = True
            self._ends_shown |= blank
        self._continues = Continues.NOTHING

    def take_text(self, text: RebuiltText, longest: int) -> None:
        """Take a whole text of which nothing was cut, and the length of its longest packet."""
        owner = self._dialogue.text_transaction if self._dialogue is not None else None
        if owner is not None:
            owner.text = text
            owner.truncated = False
        self._cuts.note_length(longest)
        self.note_entries(packet=True, blank=False)

    @property
    def takes_packets(self) -> bool:
        """Whether ``take_packets`` may go on with the message text."""
        return self._text is not None and self.in_packet and self._held is None

    def take_packets(self, lines: bytes, packets: Sequence[bytes], last: bytes, stamp: int) -> None:
        """Take lines of the open packet, whole packets, and the lines so far of the ``last`` one.

        ``stamp`` is the length of their timestamps. ``packets`` come without the logger's line
        end; without ``last`` there are none.
        """
        text = self._text
        assert text is not None
        if lines:
            text.more(lines)
        if not last:
            return
        longest = text.end()
        if packets:
            longest = max(longest, text.add_pieces(packets, stamp=stamp, mark=len(PACKET)))
        self._cuts.note_length(longest)
        text.begin(last, stamp=stamp, mark=len(PACKET))
        self._arrows = self.commands_seen = self.texts_seen = True
        self._continues = Continues.NOTHING
