"""Jobs within one program: each sets a plot's goal and says in words what is wanted."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from agentgym.env.seeded_random import split_of
from agentgym_envs.plaingui import words, world
from agentgym_envs.plaingui.apps import APPS, DAYS, SWITCH, TIMES
from agentgym_envs.plaingui.plot import Plot

Job = Callable[[Plot], str]


def add_contact(plot: Plot) -> str:
    """Somebody who is not in the address book."""
    known = {record["name"] for record in plot.goal["contacts"].values()}
    name = next(n for n in world.names(plot.split, 40, plot.rng) if n not in known)
    phone, group = world.phone(plot.rng), plot.rng.pick(("friends", "family", "work"))
    plot.add("contacts", name=name, phone=phone, group=group)
    return f'add the contact "{name}" with the phone "{phone}" to the group {group}'


def change_contact(plot: Plot) -> str:
    """Somebody's phone, address or group."""
    key, who = plot.any("contacts")
    field = plot.rng.pick(("phone", "email", "group"))
    if field == "group":
        group = plot.other(("friends", "family", "work", "other"), who["group"])
        plot.change("contacts", key, {"group": group})
        return f"put the contact {who['name']} into the group {group}"
    hosts = tuple(host for host in words.HOSTS if not who["email"].endswith(host))
    local = who["name"].lower().split()
    fresh = f"{local[0][0]}.{local[1]}@{plot.rng.pick(hosts)}"
    value = world.phone(plot.rng) if field == "phone" else fresh
    plot.change("contacts", key, {field: value})
    return f'change the {field} of the contact {who["name"]} to "{value}"'


def delete_contact(plot: Plot) -> str:
    """Somebody who shall go."""
    key, who = plot.any("contacts")
    plot.remove("contacts", key)
    return f"delete the contact {who['name']}"


def favour_contact(plot: Plot) -> str:
    """Somebody who becomes a favourite."""
    key, who = plot.any("contacts", lambda record: record["favourite"] == "off")
    plot.begin("contacts", key, {"favourite": "off"})
    plot.change("contacts", key, {"favourite": "on"})
    return f"make the contact {who['name']} a favourite"


def ask_contact(plot: Plot) -> str:
    """A look into the address book."""
    key, who = plot.any("contacts")
    field = plot.rng.pick(("phone", "email"))
    plot.read("contacts", key)
    plot.answer = who[field]
    return f"answer with the {field} of the contact {who['name']}"


def send_mail(plot: Plot) -> str:
    """A new mail."""
    _, who = plot.any("contacts")
    subject, body = plot.rng.pick(words.TOPICS), plot.rng.pick(words.REPLIES)
    plot.add("mail", to=who["name"], subject=subject, body=body)
    return f'send "{who["name"]}" a mail with the subject "{subject}" and the body "{body}"'


def reply_mail(plot: Plot) -> str:
    """A mail that answers one; it keeps the subject."""
    _, mail = plot.any("mail", lambda record: record["folder"] == "inbox")
    body = plot.rng.pick(words.REPLIES)
    plot.add("mail", to=mail["from"], subject=mail["subject"], body=body)
    return f'reply "{body}" to the mail of {mail["from"]} about {mail["subject"]}'


def move_mail(plot: Plot) -> str:
    """A mail into another folder."""
    key, mail = plot.any("mail", lambda record: record["folder"] == "inbox")
    folder = plot.other(("archive", "trash"), mail["folder"])
    plot.change("mail", key, {"folder": folder})
    return f"move the mail of {mail['from']} about {mail['subject']} to the folder {folder}"


def star_mail(plot: Plot) -> str:
    """A star for a mail."""
    key, mail = plot.any("mail", lambda record: record["starred"] == "off")
    plot.begin("mail", key, {"starred": "off"})
    plot.change("mail", key, {"starred": "on"})
    where = "" if mail["folder"] == "inbox" else f" in the folder {mail['folder']}"
    return f"star the mail of {mail['from']}{where}"


def ask_mail(plot: Plot) -> str:
    """What a mail says."""
    key, mail = plot.any("mail", lambda record: record["folder"] == "inbox")
    plot.read("mail", key)
    plot.answer = mail["body"].removeprefix("we meet at ").partition(";")[0]
    return f"answer with the place where {mail['from']} wants to meet, by mail"


def add_task(plot: Plot) -> str:
    """One thing more to do."""
    known = {record["title"] for record in plot.goal["todo"].values()}
    title = next(t for t in world.task_titles(plot.split, 40, plot.rng) if t not in known)
    due, where = plot.rng.pick(DAYS[1:]), plot.rng.pick(("office", "errands"))
    plot.add("todo", title=title, due=due, list=where)
    return f'add the task "{title}", due {due}, to the list {where}'


def tick_task(plot: Plot) -> str:
    """One thing less to do."""
    key, task = plot.any("todo", lambda record: record["done"] == "off")
    plot.begin("todo", key, {"done": "off"})
    plot.change("todo", key, {"done": "on"})
    return f"mark the task {task['title']} as done"


def change_task(plot: Plot) -> str:
    """A task's day or priority."""
    key, task = plot.any("todo")
    field = plot.rng.pick(("due", "priority"))
    options = DAYS if field == "due" else ("low", "normal", "high")
    value = plot.other(options, task[field])
    plot.change("todo", key, {field: value})
    return f"change the task {task['title']}: {field} {value}"


def clear_tasks(plot: Plot) -> str:
    """Finished tasks of one list go."""
    key, task = plot.any("todo", lambda record: record["done"] == "on")
    plot.begin("todo", key, {"done": "on"})
    where = task["list"]
    for key, task in plot.goal["todo"].items():
        if task["done"] == "on" and task["list"] == where:
            plot.remove("todo", key)
    return f"delete every done task of the list {where}"


def add_event(plot: Plot) -> str:
    """A new event."""
    known = {record["title"] for record in plot.goal["calendar"].values()}
    title = next(t for t in world.event_titles(plot.split, 40, plot.rng) if t not in known)
    day, time = plot.rng.pick(DAYS[1:]), plot.rng.pick(TIMES[1:])
    plot.add("calendar", title=title, day=day, time=time)
    return f'add the event "{title}" on {day} at {time} to the calendar'


def move_event(plot: Plot) -> str:
    """An event at another time."""
    key, event = plot.any("calendar")
    day, time = plot.other(DAYS, event["day"]), plot.other(TIMES, event["time"])
    plot.change("calendar", key, {"day": day, "time": time})
    return f"move the event {event['title']} to {day} at {time}"


def delete_event(plot: Plot) -> str:
    """An event that does not take place."""
    key, event = plot.any("calendar")
    plot.remove("calendar", key)
    return f"delete the event {event['title']}"


def ask_event(plot: Plot) -> str:
    """Where or when it is."""
    key, event = plot.any("calendar")
    field = plot.rng.pick(("time", "place"))
    plot.read("calendar", key)
    plot.answer = event[field]
    return f"answer with the {field} of the event {event['title']}"


def setter(app: str, count: int) -> Job:
    """The job of changing so many settings of a program."""

    def change_settings(plot: Plot) -> str:
        return f"in {app}, {settings_wish(plot, app, count)}"

    return change_settings


def settings_wish(plot: Plot, app: str, count: int) -> str:
    """Change some settings. No other split has the same wish."""
    (record,) = plot.goal[app].values()
    while True:
        chosen = plot.rng.some(APPS[app].fields, count)
        values = {}
        parts = []
        for field in (f for f in APPS[app].fields if f in chosen):
            value = plot.other(field.options or world.TEXTS[field.name], record[field.name])
            values[field.name] = value
            if field.options == SWITCH:
                parts.append(f"turn {value} {field.name}")
            else:
                said = value if field.options else f'"{value}"'
                parts.append(f"set {field.name} to {said}")
        wish = ", ".join(parts)
        if split_of(wish) == plot.split:
            plot.change(app, 1, values)
            return wish


JOBS: Mapping[str, tuple[Job, ...]] = MappingProxyType(
    {
        "contacts": (add_contact, change_contact, delete_contact, favour_contact, ask_contact),
        "mail": (send_mail, reply_mail, move_mail, star_mail, ask_mail),
        "todo": (add_task, tick_task, change_task, clear_tasks),
        "calendar": (add_event, move_event, delete_event, ask_event),
        "display": (setter("display", 3),),
        "network": (setter("network", 3),),
        "account": (setter("account", 3),),
    }
)
QUESTIONS = (ask_contact, ask_mail, ask_event)
