"""The case at hand: the ledger and the server's settings, as conditions ask for them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from imctool.causes.server_charsets import ServerCharsets, server_charsets
from imctool.knowledge.builds import versions_of
from imctool.ledger.entry import Entry
from imctool.ledger.ledger import Ledger
from imctool.model.direction import Direction
from imctool.model.event import Event
from imctool.model.mail import Skeleton
from imctool.model.message import Fate, Message
from imctool.model.settings import CharacterSets, RegistryValue


@dataclass(slots=True)
class Case:
    """The ledger and the server's settings, ready to be asked."""

    ledger: Ledger
    registry: tuple[RegistryValue, ...]
    character_sets: tuple[CharacterSets, ...]
    _charsets: ServerCharsets
    _trains: dict[int, Entry] | None = None

    @classmethod
    def open(
        cls,
        ledger: Ledger,
        registry: Iterable[RegistryValue],
        character_sets: Iterable[CharacterSets],
    ) -> Case:
        """Return the case."""
        values = tuple(registry)
        return cls(ledger, values, tuple(character_sets), server_charsets(values))

    def events_within(
        self, ids: Iterable[int], moment: datetime, before: float, after: float
    ) -> Sequence[Event]:
        """Return the events with those ids from ``before`` seconds ahead of a moment to ``after``
        behind it.
        """
        start, end = moment - timedelta(seconds=before), moment + timedelta(seconds=after)
        return self.ledger.events.within(ids, start, end)

    def registry_value(self, key: str, name: str) -> RegistryValue | None:
        """Return the value of that name under a key that ends so, in any letter case."""
        ending = "\\" + key.lower().strip("\\")
        for value in self.registry:
            if value.name.lower() == name.lower() and value.key.lower().endswith(ending):
                return value
        return None

    def versions(self) -> frozenset[str]:
        """Return the server's versions as ``4.0``, ``5.0``, ``5.5``; empty if not known.

        Where only 5.x is known, it may be either.
        """
        return versions_of(self.ledger.server.versions)

    def unconvertible_embedded(self, message: Message) -> tuple[str, ...]:
        """Return the charsets of embedded messages that the server could not convert."""
        labels = {
            part.charset
            for skeleton in skeletons(message)
            for part in skeleton.parts
            if part.embedded and part.charset and part.content_type.startswith("text/")
        }
        return tuple(sorted(one for one in labels if not self._charsets.can_convert(one)))

    def loss_before(self, message: Message) -> Message | None:
        """Return the embedded-charset loss whose aftermath the message's own loss lies in."""
        if self._trains is None:  # found once, and only where it is asked for
            self._trains = self._find_trains()
        head = self._trains.get(message.number)
        return None if head is None else self.ledger.messages.message(head)

    def _find_trains(self) -> dict[int, Entry]:
        """Pair each loss with the embedded-charset loss before it (Q157693).

        From the first such loss on the store errs on every submission until the connector is
        restarted; a delivery in between shows that it does not.
        """
        trains: dict[int, Entry] = {}
        messages = self.ledger.messages
        head: Entry | None = None
        for entry in messages.entries:
            if entry.direction is not Direction.INBOUND or entry.first is None:
                continue
            if head is not None and self._restarted(head.first, entry.first):
                head = None
            if entry.fate in {Fate.DELIVERED, Fate.DUPLICATED}:
                head = None
            elif entry.fate is Fate.LOST or (
                entry.fate is Fate.UNKNOWN and entry.transactions and not entry.files
            ):
                if head is not None:
                    trains[entry.number] = head
                elif self.unconvertible_embedded(messages.message(entry)):
                    head = entry
        return trains

    def _restarted(self, start: float | None, end: float | None) -> bool:
        return any(
            start is not None and end is not None and start < restart.timestamp() <= end
            for restart in self.ledger.restarts
        )


def skeletons(message: Message) -> Iterable[Skeleton]:
    """Yield the outline of every text of the message: its files, its logged sessions."""
    for _, file in message.files:
        yield file.skeleton
    for transaction in message.transactions:
        if transaction.skeleton is not None:
            yield transaction.skeleton
