"""Whether an SMTP protocol log may be one of 4.0, which cuts long entries (Q159290)."""

from __future__ import annotations

from imctool.readers.logged_text import ENTRY_LIMIT, LoggedText


class CutSigns:
    """What a log has shown so far: the build of its server, and its ``longest`` entry."""

    __slots__ = ("longest", "version")

    def __init__(self) -> None:
        self.longest = 0
        self.version: str | None = None

    def note_length(self, length: int) -> None:
        """Note how long a piece of a message text is that stands in one entry."""
        self.longest = max(self.longest, length)

    @property
    def may_cut(self) -> bool:
        """Whether it may be a log that cuts: no 5.x build, and no longer entry so far."""
        newer = self.version is not None and not self.version.startswith("4.")
        return not newer and self.longest <= ENTRY_LIMIT

    def was_cut(self, text: LoggedText) -> bool:
        """Tell whether a piece of the text was cut."""
        return text.cut or (text.at_limit and self.may_cut)
