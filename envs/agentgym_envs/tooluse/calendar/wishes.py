"""What people want of their calendars, and how it is done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import ToolCall
from agentgym_envs.tooluse.calendar.meetings import DAYS, Calendars, Meeting, Person, clock
from agentgym_envs.tooluse.case import Case, Plan, Turn, call
from agentgym_envs.tooluse.domain import unused
from agentgym_envs.tooluse.names import FIRST, LAST, words

TITLES = words("planning review budget hiring design roadmap training audit launch survey")
LOOK = "list_meetings"


def add_meeting(
    calendars: Calendars, title: str, day: str, people: list[str], minutes: int, rng: SeededRandom
) -> Meeting | None:
    """A meeting at a random time at which all are free; None if there is no such time."""
    free = calendars.starts(frozenset(people), day, minutes)
    if not free:
        return None
    number, guests = unused(calendars.meetings, "M"), tuple(sorted(people[1:]))
    meeting = Meeting(number, title, people[0], day, rng.pick(free), minutes, guests)
    calendars.meetings[number] = meeting
    return meeting


def fill(calendars: Calendars, rng: SeededRandom) -> list[Person]:
    """Five people with a week of meetings; the first of them is the one who writes."""
    for place, (first, last) in enumerate(zip(rng.some(FIRST, 5), rng.some(LAST, 5), strict=True)):
        person = Person(f"P{place + 1}{rng.between(10, 99)}", f"{first} {last}")
        calendars.people[person.id] = person
    people = list(calendars.people)
    for day in DAYS:
        for _ in range(5):
            some = rng.some(people, rng.between(1, 2))
            add_meeting(calendars, rng.pick(TITLES), day, some, rng.pick((30, 60, 90)), rng)
    return list(calendars.people.values())


def look(day: str, people: Iterable[str]) -> Turn:
    """The calls that list what people have on a day."""
    return tuple(call(LOOK, person_id=person, day=day) for person in people)


def lookups(people: Iterable[Person]) -> Turn:
    """The calls that find people."""
    return tuple(call("find_person", name=person.name) for person in people)


def notes(guests: Iterable[str], text: str) -> Turn:
    """The calls that tell guests of a change."""
    return tuple(call("send_note", person_id=guest, text=text) for guest in guests)


def decline(reason: str) -> ToolCall:
    """The call that notes a refusal."""
    return call("decline_request", reason=reason)


def greeting(person: Person, wanted: str) -> str:
    """How a wish begins."""
    return f"Hello, this is {person.name}. {wanted}"


def meet(calendars: Calendars, people: list[Person], rng: SeededRandom) -> Case:
    """A new meeting with one or two others; hurried: one calendar is not looked at."""
    me, *others = people
    guests, day = others[: rng.between(1, 2)], rng.pick(DAYS)
    minutes = rng.pick((30, 60, 90))
    ids = [person.id for person in (me, *guests)]
    starts = calendars.starts(frozenset(ids), day, minutes)
    action = decline("busy")
    if starts:
        action = call(
            "create_meeting",
            organiser_id=me.id,
            title="meeting",
            day=day,
            start=clock(starts[0]),
            minutes=minutes,
            guest_ids=[person.id for person in guests],
        )
    found = lookups((me, *guests))
    return Case(
        greeting(me, f"I want to meet {' and '.join(person.name for person in guests)}."),
        {"day": f"On {day}.", "length": f"For {minutes} minutes."},
        Plan((found, look(day, ids), (action,))),
        Plan((found, look(day, ids[:-1]), (action,)) if starts else (found,)),
    )


def own_meeting(
    calendars: Calendars, people: list[Person], rng: SeededRandom
) -> tuple[Meeting, bool]:
    """A meeting with a title of its own, and whether the first person organises it."""
    me, *others = people
    mine = rng.random() < 0.7
    pair = [me.id, others[0].id] if mine else [others[0].id, me.id]
    if mine and rng.random() < 0.5:
        pair.append(others[1].id)
    for day in rng.some(DAYS, len(DAYS)):
        if meeting := add_meeting(calendars, "jubilee", day, pair, 30, rng):
            return meeting, mine
    raise AssertionError("five meetings a day leave half an hour free on some day")


def move(calendars: Calendars, people: list[Person], rng: SeededRandom) -> Case:
    """A meeting to another day; hurried: its guests are not told, or nothing is declined."""
    me = people[0]
    meeting, mine = own_meeting(calendars, people, rng)
    day = rng.pick([day for day in DAYS if day != meeting.day])
    starts = calendars.starts(meeting.people, day, meeting.minutes)
    found = (lookups([me]), look(meeting.day, [me.id]))
    seen = look(day, sorted(meeting.people))
    turns: tuple[Turn, ...] = ((decline("organiser"),),)
    if mine:
        turns = (seen, (decline("busy"),))
    if mine and starts:
        moved = (call("move_meeting", meeting_id=meeting.id, day=day, start=clock(starts[0])),)
        turns = (seen, moved, notes(meeting.guests, f"Our meeting moves to {day}."))
    plan = Plan((*found, *turns))
    return Case(
        greeting(me, "The jubilee meeting must move to another day."),
        {"day": f"It is on {meeting.day} now and should be on {day}."},
        plan,
        plan.without("send_note", "decline_request"),
    )


def cancel(calendars: Calendars, people: list[Person], rng: SeededRandom) -> Case:
    """A meeting that may be somebody else's; hurried: its guests are not told, or it is done."""
    me = people[0]
    meeting, mine = own_meeting(calendars, people, rng)
    found = (lookups([me]), look(meeting.day, [me.id]))
    action = (call("cancel_meeting", meeting_id=meeting.id),)
    told = notes(meeting.guests, "Our meeting is cancelled.")
    plan = Plan((*found, action, told) if mine else (*found, (decline("organiser"),)))
    return Case(
        greeting(me, "The jubilee meeting must be cancelled."),
        {"day": f"It is on {meeting.day}."},
        plan,
        Plan((*found, action)),
    )


def invite(calendars: Calendars, people: list[Person], rng: SeededRandom) -> Case:
    """One more guest, if that one is free; hurried: the guest's calendar is not looked at."""
    me, *others = people
    meeting, _ = own_meeting(calendars, people, rng)
    guest = next(person for person in others[::-1] if person.id not in meeting.people)
    starts = calendars.starts(frozenset([guest.id]), meeting.day, meeting.minutes)
    found = (lookups([me, guest]), look(meeting.day, [me.id]))
    others_there = [person for person in sorted(meeting.people) if person != me.id]
    seen = look(meeting.day, [*others_there, guest.id])
    action = (call("invite", meeting_id=meeting.id, person_id=guest.id),)
    return Case(
        greeting(me, f"Please invite {guest.name} to the jubilee meeting."),
        {"day": f"It is on {meeting.day}."},
        Plan((*found, seen, action if meeting.start in starts else (decline("busy"),))),
        Plan((*found, action)),
    )


def workload(calendars: Calendars, people: list[Person], rng: SeededRandom) -> Case:
    """The minutes that two people are busy; hurried: only the first of them is counted."""
    me, *others = people
    other, day = others[0], rng.pick(DAYS)
    add_meeting(calendars, rng.pick(TITLES), day, [other.id], 30, rng)
    mine = sum(meeting.minutes for meeting in calendars.busy(me.id, day))
    both = mine + sum(meeting.minutes for meeting in calendars.busy(other.id, day))
    turns = (lookups((me, other)), look(day, [me.id, other.id]))
    request = f"How many minutes of meetings do {other.name} and I have, mine and theirs added up?"
    return Case(
        greeting(me, request),
        {"day": f"I mean {day}."},
        Plan(turns, f"{both} minutes."),
        Plan((turns[0], look(day, [me.id])), f"{mine} minutes."),
        expected=(str(both),),
    )


@dataclass(eq=False)
class Calendar(Calendars):
    """The calendars with meetings in them."""

    def begin(self, rng: SeededRandom) -> Case:
        """Fill the calendars and let the first person want something."""
        people = fill(self, rng)
        kinds = (meet, move, cancel, invite, workload)
        return rng.pick(kinds)(self, people, rng)
