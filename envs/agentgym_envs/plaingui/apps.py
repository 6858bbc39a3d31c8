"""The programs on the desk: what their records hold, and what may be done with them.

A program is data. Its windows follow from it: a list of records, a window for each record, a form
for new and changed ones; or, for settings, a form alone.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

SWITCH = ("off", "on")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
TIMES = ("08:00", "09:30", "11:00", "12:30", "14:00", "15:30", "17:00", "19:30")


class Field(NamedTuple):
    """One value of a record."""

    name: str
    options: tuple[str, ...] = ()
    """Its values; empty: any text. ``SWITCH`` is shown as a checkbox."""
    at: Literal["form", "window", "nowhere"] = "form"
    """Where it is changed: in the form, saved by a button; at once, in the record's window; or not
    at all."""
    first: str = ""
    """Its value in a new record."""
    needed: bool = False
    """Whether the form refuses to save it empty."""


class Copy(NamedTuple):
    """A menu item that opens the form of a new record with values of an old one."""

    label: str
    takes: tuple[tuple[str, str], ...]
    """Pairs of new field and old field."""


class App(NamedTuple):
    """A program."""

    name: str
    one: str
    """What one of its records is called."""
    fields: tuple[Field, ...]
    alone: bool = False
    """Settings: a single record, whose window is its form."""
    row: tuple[str, ...] = ()
    """The fields that name a record in the list, and in the titles of windows."""
    new: str = ""
    """The button for a new record; empty: there is none."""
    save: str = "Save"
    edits: bool = True
    """Whether records have an Edit button."""
    deletes: bool = True
    """Whether records can be deleted."""
    copies: tuple[Copy, ...] = ()
    tick: str = ""
    """A switch that stands in the list, before each record."""
    folder: str = ""
    """A field by which the list is divided; empty: one list."""
    folder_first: str = "all"
    """The part that the list shows first."""

    def formed(self) -> tuple[Field, ...]:
        """The fields of its form."""
        return tuple(field for field in self.fields if field.at == "form")

    def windowed(self) -> tuple[Field, ...]:
        """The fields that are changed in a record's window."""
        return tuple(field for field in self.fields if field.at == "window")

    def title(self, record: Mapping[str, str]) -> str:
        """How the list names a record."""
        return ", ".join([record[name] for name in self.row])


CONTACTS = App(
    "contacts",
    "contact",
    (
        Field("name", needed=True),
        Field("phone"),
        Field("email"),
        Field("group", ("friends", "family", "work", "other"), first="other"),
        Field("favourite", SWITCH, at="window", first="off"),
    ),
    row=("name",),
    new="New contact",
)
MAIL = App(
    "mail",
    "mail",
    (
        Field("from", at="nowhere", first="me"),
        Field("to", needed=True),
        Field("subject", needed=True),
        Field("body"),
        Field("folder", ("inbox", "archive", "trash", "sent"), at="window", first="sent"),
        Field("starred", SWITCH, at="window", first="off"),
    ),
    row=("from", "subject"),
    new="Compose",
    save="Send",
    edits=False,
    deletes=False,
    copies=(
        Copy("Reply", (("to", "from"), ("subject", "subject"))),
        Copy("Forward", (("subject", "subject"), ("body", "body"))),
    ),
    folder="folder",
    folder_first="inbox",
)
TASKS = App(
    "todo",
    "task",
    (
        Field("title", needed=True),
        Field("list", ("home", "office", "errands"), first="home"),
        Field("due", DAYS, first="monday"),
        Field("priority", ("low", "normal", "high"), first="normal"),
        Field("done", SWITCH, at="window", first="off"),
    ),
    row=("title",),
    new="New task",
    tick="done",
    folder="list",
)
CALENDAR = App(
    "calendar",
    "event",
    (
        Field("title", needed=True),
        Field("day", DAYS, first="monday"),
        Field("time", TIMES, first="08:00"),
        Field("place"),
    ),
    row=("title", "day"),
    new="New event",
    copies=(Copy("Duplicate", tuple((n, n) for n in ("title", "day", "time", "place"))),),
    folder="day",
)
DISPLAY = App(
    "display",
    "settings",
    (
        Field("theme", ("light", "dark", "contrast")),
        Field("text size", ("small", "medium", "large", "huge")),
        Field("brightness", ("low", "half", "full")),
        Field("night light", SWITCH),
        Field("clock", SWITCH),
    ),
    alone=True,
)
NETWORK = App(
    "network",
    "settings",
    (
        Field("wifi", SWITCH),
        Field("network", ("birch", "cedar", "maple", "willow")),
        Field("bluetooth", SWITCH),
        Field("airplane mode", SWITCH),
        Field("device name", needed=True),
    ),
    alone=True,
)
ACCOUNT = App(
    "account",
    "settings",
    (
        Field("display name", needed=True),
        Field("language", ("english", "french", "german", "spanish", "polish")),
        Field("week starts on", ("monday", "saturday", "sunday")),
        Field("newsletter", SWITCH),
        Field("signature"),
    ),
    alone=True,
)
SETTINGS = App(  # all that the easy level has
    "settings",
    "settings",
    (
        Field("name", needed=True),
        Field("theme", ("light", "dark", "blue")),
        Field("language", ("english", "french", "german")),
        Field("wifi", SWITCH),
        Field("sound", SWITCH),
    ),
    alone=True,
)

APPS = MappingProxyType(
    {
        app.name: app
        for app in (CONTACTS, MAIL, TASKS, CALENDAR, DISPLAY, NETWORK, ACCOUNT, SETTINGS)
    }
)
OFFICE = ("contacts", "mail", "todo", "calendar", "display", "network", "account")
