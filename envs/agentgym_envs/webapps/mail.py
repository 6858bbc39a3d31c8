"""Mail: what its tables hold, and what one may be asked to do there."""

from agentgym.env.seeded_random import SeededRandom
from agentgym_envs.webapps.problem import Edit, Errand, Question, Record, Route, Tables
from agentgym_envs.webapps.words import FOLDERS, PEOPLE, REPLIES, SENTENCES, SUBJECTS


def fill(rng: SeededRandom, size: int, simple: bool) -> Tables:
    """An inbox, two folders and an address book; mails without text when it shall be simple."""
    people = rng.some(PEOPLE, size + 2)
    mails = {
        str(number): _mail(rng, subject, rng.pick(people[:size]), simple)
        for number, subject in enumerate(rng.some(SUBJECTS, size), start=1)
    }
    contacts: dict[str, Record] = {
        str(number): {"name": name, "address": _address(name)}
        for number, name in enumerate(people, start=1)
    }
    return {"mails": mails, "sent": {}, "contacts": contacts}


def errands(rng: SeededRandom, tables: Tables, simple: bool) -> list[Errand]:
    """Something to do with each mail, and something to write."""
    kinds = [_star, _archive, _trash] if simple else [_star, _trash, _move, _reply, _forward]
    made = [rng.pick(kinds)(rng, tables, key) for key in tables["mails"]]
    return made if simple else [*made, _compose(rng, tables), _contact(rng, tables)]


def questions(rng: SeededRandom, tables: Tables) -> list[Question]:
    """What the address book or a mail tells."""
    name = f"{rng.pick(list(tables['contacts'].values()))['name']}"
    key, mail = rng.pick(list(tables["mails"].items()))
    where = f"which folder is the mail {_called(mail)} in?"
    return [
        Question(f"what is the address of {name}?", _address(name), (), "contacts"),
        Question(where, f"{mail['folder']}", _way(mail), f"mail/{key}"),
    ]


def _mail(rng: SeededRandom, subject: str, sender: str, simple: bool) -> Record:
    return {
        "from": sender,
        "subject": subject,
        "text": "" if simple else rng.pick(SENTENCES),
        "folder": "inbox" if simple or rng.below(4) else rng.pick(FOLDERS[:2]),
        "starred": False,
    }


def _address(name: str) -> str:
    return f"{name}@post.example"


def _called(mail: Record) -> str:
    return f"{mail['subject']} from {mail['from']}"


def _way(mail: Record) -> Route:
    folder = f"{mail['folder']}"
    if folder == "inbox":
        return (("inbox", _called(mail)),)
    return (("folders", folder), (f"folder/{folder}", _called(mail)))


def _press(tables: Tables, key: str, verb: str, press: str, change: Record) -> Errand:
    mail = tables["mails"][key]
    edit = Edit(
        table="mails",
        id=key,
        record={**mail, **change},
        route=_way(mail),
        page=f"mail/{key}",
        press=press,
    )
    return Errand(f"{verb} the mail {_called(mail)}", edit)


def _star(_: SeededRandom, tables: Tables, key: str) -> Errand:
    return _press(tables, key, "star", "star", {"starred": True})


def _archive(_: SeededRandom, tables: Tables, key: str) -> Errand:
    return _press(tables, key, "archive", "archive", {"folder": "archive"})


def _trash(_: SeededRandom, tables: Tables, key: str) -> Errand:
    return _press(tables, key, "delete", "delete", {"folder": "trash"})


def _move(rng: SeededRandom, tables: Tables, key: str) -> Errand:
    mail = tables["mails"][key]
    folder = rng.other(FOLDERS[:3], f"{mail['folder']}")
    edit = Edit(
        table="mails",
        id=key,
        record={**mail, "folder": folder},
        route=(*_way(mail), (f"mail/{key}", "move")),
        page=f"move/{key}",
        fields={"folder": folder},
        press="save",
    )
    return Errand(f"move the mail {_called(mail)} to {folder}", edit)


def _reply(rng: SeededRandom, tables: Tables, key: str) -> Errand:
    mail, text = tables["mails"][key], rng.pick(REPLIES)
    to, subject = _address(f"{mail['from']}"), f"re: {mail['subject']}"
    edit = Edit(
        table="sent",
        record={"to": to, "subject": subject, "text": text},
        route=(*_way(mail), (f"mail/{key}", "reply")),
        page=f"reply/{key}",
        fields={"text": text},
        press="send",
    )
    return Errand(f'reply "{text}" to the mail {_called(mail)}', edit)


def _forward(rng: SeededRandom, tables: Tables, key: str) -> Errand:
    mail = tables["mails"][key]
    people = [f"{contact['name']}" for contact in tables["contacts"].values()]
    to = _address(rng.other(people, f"{mail['from']}"))
    edit = Edit(
        table="sent",
        record={"to": to, "subject": f"fwd: {mail['subject']}", "text": mail["text"]},
        route=(*_way(mail), (f"mail/{key}", "forward")),
        page=f"forward/{key}",
        fields={"to": to},
        press="send",
    )
    return Errand(f"forward the mail {_called(mail)} to {to}", edit)


def _compose(rng: SeededRandom, tables: Tables) -> Errand:
    to = f"{rng.pick(list(tables['contacts'].values()))['address']}"
    subject, text = rng.pick(SUBJECTS), rng.pick(REPLIES)
    fields = {"to": to, "subject": subject, "text": text}
    edit = Edit(table="sent", record={**fields}, page="compose", fields={**fields}, press="send")
    return Errand(f'write "{text}" about {subject} to {to}', edit)


def _contact(rng: SeededRandom, tables: Tables) -> Errand:
    known = [contact["name"] for contact in tables["contacts"].values()]
    name = rng.pick([person for person in PEOPLE if person not in known])
    fields = {"name": name, "address": _address(name)}
    edit = Edit(
        table="contacts",
        record={**fields},
        route=(("contacts", "new contact"),),
        page="contact/new",
        fields={**fields},
        press="save",
    )
    return Errand(f"add {name} with the address {_address(name)} to the contacts", edit)
