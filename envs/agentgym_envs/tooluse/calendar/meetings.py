"""The calendars' database and tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, JsonValue

from agentgym.tools.tool import tool
from agentgym_envs.tooluse.case import Id
from agentgym_envs.tooluse.domain import Domain, NotPossible, find, unused

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
OPENS, CLOSES = 9 * 60, 17 * 60
POLICY = """You keep the calendar of the one who writes to you, with the tools. Rules:
- Before you create or move a meeting, or invite somebody to one, list the meetings that all who \
are concerned, the writer too, have on that day.
- A meeting takes the earliest time of the day at which all are free, on the full or half hour. It \
begins at 09:00 or later and ends by 17:00.
- If there is no such time, or one who is to be invited is not free, decline: busy.
- Move and cancel only meetings that the writer organises. Otherwise decline: organiser.
- When you have moved or cancelled a meeting, send a note to each of its guests.
- Decline by the tool and change nothing then.
You can make several calls in one message. Say what the writer wants to know when you are done, in \
a message without calls."""

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday"]
Clock = Annotated[str, Field(pattern=r"^\d\d:\d\d$")]
"""A time such as 09:30."""


def minute(clock: str) -> int:
    """Minutes since midnight of a time such as 09:30."""
    hours, minutes = clock.split(":")
    return 60 * int(hours) + int(minutes)


def clock(minute: int) -> str:
    """A time such as 09:30."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


@dataclass(frozen=True)
class Person:
    """Somebody with a calendar."""

    id: str
    name: str


@dataclass(frozen=True)
class Meeting:
    """A meeting of its organiser with guests."""

    id: str = field(compare=False)
    title: str = field(compare=False)
    organiser: str
    day: str
    start: int
    """Minutes since midnight."""
    minutes: int
    guests: tuple[str, ...]
    """In the order of their ids."""

    @property
    def people(self) -> frozenset[str]:
        """Everybody who takes part."""
        return frozenset([self.organiser, *self.guests])


@dataclass(frozen=True)
class Note:
    """A message; what it says is up to the writer."""

    to: str
    text: str = field(compare=False)


@dataclass(eq=False)
class Calendars(Domain):
    """Tables and tools; ``wishes.py`` fills the tables. Its first person is the one served."""

    policy: ClassVar[str] = POLICY
    distractors: ClassVar[int] = 4

    people: dict[str, Person] = field(default_factory=dict)
    meetings: dict[str, Meeting] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)

    def known(self) -> Mapping[str, Sequence[JsonValue]]:
        """See :class:`Domain`."""
        return {
            "name": [person.name for person in self.people.values()],
            "person_id": list(self.people),
            "meeting_id": list(self.meetings),
            "organiser_id": list(self.people),
            "guest_ids": [[one] for one in self.people],
            "start": ["09:00", "11:30", "14:00"],
            "minutes": [30, 60],
            "title": ["meeting"],
            "text": ["The meeting has changed."],
        }

    def busy(self, person_id: str, day: str) -> list[Meeting]:
        """A person's meetings of a day, by time."""
        found = (m for m in self.meetings.values() if m.day == day and person_id in m.people)
        return sorted(found, key=lambda meeting: meeting.start)

    def starts(self, people: frozenset[str], day: str, minutes: int) -> list[int]:
        """The times at which the rules allow a meeting, in minutes since midnight."""
        busy = [m for m in self.meetings.values() if m.day == day and people & m.people]
        return [
            start
            for start in range(OPENS, CLOSES - minutes + 1, 30)
            if all(m.start + m.minutes <= start or start + minutes <= m.start for m in busy)
        ]

    @tool
    def find_person(self, name: str) -> dict[str, Any]:
        """Find the id of a person by the full name."""
        ids = {person.name: person.id for person in self.people.values()}
        return {"person_id": find(ids, name, "person")}

    @tool
    def list_meetings(self, person_id: Id, day: Day) -> list[dict[str, Any]]:
        """List a person's meetings of a day."""
        find(self.people, person_id, "person")
        self.checked.add(f"{person_id} {day}")
        return [
            {
                "meeting_id": meeting.id,
                "title": meeting.title,
                "start": clock(meeting.start),
                "end": clock(meeting.start + meeting.minutes),
                "organiser_id": meeting.organiser,
                "guest_ids": list(meeting.guests),
            }
            for meeting in self.busy(person_id, day)
        ]

    @tool
    def create_meeting(
        self,
        organiser_id: Id,
        title: str,
        day: Day,
        start: Clock,
        minutes: int,
        guest_ids: list[str],
    ) -> str:
        """Create a meeting; a start is written as 09:30."""
        number, guests = unused(self.meetings, "M"), tuple(sorted(set(guest_ids)))
        begins = minute(start)
        return self._put(Meeting(number, title, organiser_id, day, begins, minutes, guests))

    @tool
    def move_meeting(self, meeting_id: Id, day: Day, start: Clock) -> str:
        """Move a meeting; a start is written as 09:30."""
        return self._put(replace(self._meeting(meeting_id), day=day, start=minute(start)))

    @tool
    def cancel_meeting(self, meeting_id: Id) -> str:
        """Cancel a meeting."""
        del self.meetings[self._meeting(meeting_id).id]
        return "cancelled"

    @tool
    def invite(self, meeting_id: Id, person_id: Id) -> str:
        """Add a guest to a meeting."""
        meeting = self._meeting(meeting_id)
        return self._put(replace(meeting, guests=tuple(sorted({*meeting.guests, person_id}))))

    @tool
    def send_note(self, person_id: Id, text: str) -> str:
        """Send somebody a note."""
        person = find(self.people, person_id, "person")
        self.notes[unused(self.notes, "N")] = Note(person.id, text)
        return "sent"

    @tool
    def decline_request(self, reason: Literal["busy", "organiser"]) -> str:
        """Note that the rules forbid what is wanted."""
        return self.refuse("request", reason)

    def _meeting(self, meeting_id: str) -> Meeting:
        return find(self.meetings, meeting_id, "meeting")

    def _put(self, meeting: Meeting) -> str:
        if not 0 < meeting.minutes <= CLOSES - OPENS:
            raise NotPossible(f"a meeting of {meeting.minutes} minutes")
        for person in sorted(meeting.people):
            find(self.people, person, "person")
            self.need(f"{person} {meeting.day}", "calendar not looked at")
        self.meetings[meeting.id] = meeting
        return f"done, meeting {meeting.id}"
