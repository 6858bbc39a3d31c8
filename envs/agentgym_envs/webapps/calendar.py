"""Calendar: what its tables hold, and what one may be asked to do there."""

from agentgym.env.seeded_random import SeededRandom
from agentgym_envs.webapps.problem import Edit, Errand, Question, Record, Route, Tables
from agentgym_envs.webapps.words import DAYS, EVENTS, HOURS, PEOPLE, PLACES


def fill(rng: SeededRandom, size: int, simple: bool) -> Tables:  # noqa: ARG001  like its siblings
    """The events of a week, no two at the same time, and people to invite."""
    people = rng.some(PEOPLE, 5)
    slots = rng.some([(day, hour) for day in DAYS for hour in HOURS], size)
    titles = rng.some(EVENTS, size)
    events: dict[str, Record] = {
        str(number): {
            "title": title,
            "day": day,
            "start": hour,
            "place": rng.pick(PLACES),
            "guests": sorted(rng.some(people, rng.below(3))),  # type: ignore[dict-item]
        }
        for number, (title, (day, hour)) in enumerate(zip(titles, slots, strict=True), start=1)
    }
    return {
        "events": events,
        "people": {str(number): {"name": name} for number, name in enumerate(people, start=1)},
    }


def errands(rng: SeededRandom, tables: Tables, simple: bool) -> list[Errand]:
    """Something to do with each event, and one to add."""
    if simple:
        return [_day(rng, tables, key) for key in tables["events"]]
    kinds = [_edit, _edit, _invite, _cancel]
    made = [rng.pick(kinds)(rng, tables, key) for key in tables["events"]]
    return [*made, _new(rng, tables)]


def questions(rng: SeededRandom, tables: Tables) -> list[Question]:
    """Where an event is, or when."""
    key, event = rng.pick(list(tables["events"].items()))
    page = f"event/{key}"
    return [
        Question(f"what is the place of {event['title']}?", f"{event['place']}", _way(event), page),
        Question(f"on which day is {event['title']}?", f"{event['day']}", _way(event), page),
    ]


def _way(event: Record) -> Route:
    return (("week", f"{event['start']} {event['title']}"),)


def _day(rng: SeededRandom, tables: Tables, key: str) -> Errand:
    event = tables["events"][key]
    day = rng.other(DAYS, f"{event['day']}")
    edit = Edit(
        table="events",
        id=key,
        record={**event, "day": day},
        route=_way(event),
        page=f"event/{key}",
        fields={"day": day},
        press="save",
    )
    return Errand(f"move {event['title']} to {day}", edit)


def _edit(rng: SeededRandom, tables: Tables, key: str) -> Errand:
    event = tables["events"][key]
    day, start = rng.pick(DAYS), rng.other(HOURS, f"{event['start']}")
    place = rng.pick(PLACES[1:])
    changes: list[tuple[str, dict[str, str]]] = [
        (f"move {event['title']} to {day} at {start}", {"day": day, "start": start}),
        (f"let {event['title']} take place in the {place}", {"place": place}),
        (f"let {event['title']} begin at {start}", {"start": start}),
    ]
    phrase, change = rng.pick([one for one in changes if not one[1].items() <= event.items()])
    edit = Edit(
        table="events",
        id=key,
        record={**event, **change},
        route=(*_way(event), (f"event/{key}", "edit")),
        page=f"edit/{key}",
        fields={**change},
        press="save",
    )
    return Errand(phrase, edit)


def _invite(rng: SeededRandom, tables: Tables, key: str) -> Errand:
    event = tables["events"][key]
    guests = [f"{guest}" for guest in event["guests"]]  # type: ignore[union-attr]
    people = [f"{person['name']}" for person in tables["people"].values()]
    guest = rng.pick([person for person in people if person not in guests])
    edit = Edit(
        table="events",
        id=key,
        record={**event, "guests": sorted([*guests, guest])},  # type: ignore[dict-item]
        route=(*_way(event), (f"event/{key}", "invite")),
        page=f"invite/{key}",
        fields={"guest": guest},
        press="send",
    )
    return Errand(f"invite {guest} to {event['title']}", edit)


def _cancel(_: SeededRandom, tables: Tables, key: str) -> Errand:
    event = tables["events"][key]
    edit = Edit(
        table="events", id=key, route=_way(event), page=f"event/{key}", press="cancel event"
    )
    return Errand(f"cancel {event['title']}", edit)


def _new(rng: SeededRandom, tables: Tables) -> Errand:
    known = [event["title"] for event in tables["events"].values()]
    fields = {
        "title": rng.pick([title for title in EVENTS if title not in known]),
        "day": rng.pick(DAYS),
        "start": rng.pick(HOURS),
        "place": rng.pick(PLACES[1:]),
    }
    edit = Edit(
        table="events",
        record={**fields, "guests": []},
        page="new",
        fields={**fields},
        press="save",
    )
    where = f"on {fields['day']} at {fields['start']} in the {fields['place']}"
    return Errand(f"add {fields['title']} {where}", edit)
