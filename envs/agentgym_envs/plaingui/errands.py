"""Errands: jobs for which one program tells what to do in another."""

from agentgym_envs.plaingui import words, world
from agentgym_envs.plaingui.apps import DAYS, TIMES
from agentgym_envs.plaingui.jobs import Job
from agentgym_envs.plaingui.plot import Plot


def number_by_mail(plot: Plot) -> str:
    """Somebody has mailed a new phone number."""
    mail, contact, name = acquaintance(plot)
    number = world.phone(plot.rng)
    remark = plot.rng.pick(words.REMARKS)
    plot.begin("mail", mail, {"body": f"my new phone is {number}; {remark}"})
    plot.read("mail", mail)
    plot.change("contacts", contact, {"phone": number})
    return f"{name} has mailed you a new phone number: correct the contact"


def event_by_mail(plot: Plot) -> str:
    """Somebody has mailed an invitation."""
    mail, _, name = acquaintance(plot)
    known = {record["title"] for record in plot.goal["calendar"].values()}
    title = next(t for t in world.event_titles(plot.split, 40, plot.rng) if t not in known)
    day, time = plot.rng.pick(DAYS), plot.rng.pick(TIMES)
    place = plot.rng.pick(words.PLACES)
    plot.begin("mail", mail, {"body": f"come to the {title} on {day} at {time}, at {place}"})
    plot.read("mail", mail)
    plot.add("calendar", title=title, day=day, time=time, place=place)
    return (
        f"{name} has mailed you an invitation: add the event to the calendar, "
        "with title, day, time and place as in the mail"
    )


def mail_of_number(plot: Plot) -> str:
    """Somebody needs somebody's number."""
    key, who = plot.any("contacts")
    _, to = plot.any("contacts", lambda record: record["name"] != who["name"])
    field = plot.rng.pick(("phone", "email"))
    plot.read("contacts", key)
    plot.add("mail", to=to["name"], subject=field, body=who[field])
    return (
        f'send "{to["name"]}" a mail with the subject "{field}" '
        f"whose body is the {field} of the contact {who['name']} and nothing else"
    )


def task_for_event(plot: Plot) -> str:
    """Something must be done on the day of an event."""
    key, event = plot.any("calendar")
    known = {record["title"] for record in plot.goal["todo"].values()}
    title = next(t for t in world.task_titles(plot.split, 40, plot.rng) if t not in known)
    plot.read("calendar", key)
    plot.add("todo", title=title, due=event["day"])
    return f'add the task "{title}", due on the day of the event {event["title"]}'


def ask_of_writer(plot: Plot) -> str:
    """How to reach whoever wrote a mail."""
    mail, contact, _ = acquaintance(plot)
    taken = {record["subject"] for record in plot.goal["mail"].values()}
    subject = next(topic for topic in plot.rng.some(words.TOPICS, 99) if topic not in taken)
    plot.begin("mail", mail, {"subject": subject})
    plot.read("mail", mail)
    plot.read("contacts", contact)
    field = plot.rng.pick(("phone", "email"))
    plot.answer = plot.goal["contacts"][contact][field]
    return f"answer with the {field} of the contact who wrote the mail about {subject}"


def acquaintance(plot: Plot) -> tuple[int, int, str]:
    """Somebody in the address book who has written: keys of mail and contact, and the name."""
    contacts = {record["name"]: key for key, record in plot.goal["contacts"].items()}
    mail, record = plot.any(
        "mail", lambda record: record["from"] in contacts and record["folder"] == "inbox"
    )
    return mail, contacts[record["from"]], record["from"]


ERRANDS: tuple[tuple[Job, tuple[str, ...]], ...] = (
    (number_by_mail, ("mail", "contacts")),
    (event_by_mail, ("mail", "calendar")),
    (mail_of_number, ("mail", "contacts")),
    (task_for_event, ("todo", "calendar")),
    (ask_of_writer, ("mail", "contacts")),
)
"""Each with the programs that it touches."""
