"""What people want of the drive, and how it is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from agentgym.env.seeded_random import SeededRandom
from agentgym.tools.tool import ToolCall
from agentgym_envs.tooluse.case import Case, Plan, Turn, call
from agentgym_envs.tooluse.files.drive import TODAY, Drive, File
from agentgym_envs.tooluse.names import CITIES, FIRST, LAST, words

FOLDERS = ("reports", "notes", "plans", "lists", "letters")
WORDS = words(
    "walrus cactus violin glacier saffron compass lantern orchard falcon marble pepper anchor"
)
STEMS = words("alpha beta gamma delta omega sigma kappa theta")
CHECK = "file_info"


def fill(drive: Drive, people: Sequence[str], rng: SeededRandom) -> None:
    """Four files in each of five folders; each has a word of its own and mentions a city."""
    words = iter(f"{word} {number}" for number in (1, 2) for word in rng.some(WORDS, len(WORDS)))
    for folder in FOLDERS:
        for stem in rng.some(STEMS, 4):
            text = f"About the {next(words)} in {rng.pick(CITIES)}."
            path = f"/{folder}/{stem}.txt"
            owner, locked = rng.pick(people), rng.random() < 0.2
            size = rng.between(3, 400)
            drive.files[path] = File(path, owner, text, days_ago(rng, 5, 90), size, locked)


def days_ago(rng: SeededRandom, least: int, most: int) -> str:
    """A day of the past."""
    return (date.fromisoformat(TODAY) - timedelta(days=rng.between(least, most))).isoformat()


def put(drive: Drive, me: str, rng: SeededRandom, path: str | None = None) -> File:
    """A file as the wish is about: the writer's own and unlocked, or one that is protected."""
    file = drive.files[path or rng.pick(list(drive.files))]
    owner = me if rng.random() < 0.75 else file.owner
    drive.files[file.path] = replace(file, owner=owner, locked=rng.random() < 0.15)
    return drive.files[file.path]


def info(files: Iterable[File]) -> Turn:
    """The calls that look at files."""
    return tuple(call(CHECK, path=file.path) for file in files)


def forbidden(file: File, me: str) -> ToolCall | None:
    """The call that notes why the rules protect a file; None: they do not."""
    reason = "locked" if file.locked else "owner" if file.owner != me else None
    return call("decline_request", path=file.path, reason=reason) if reason else None


def case(me: str, wanted: str, details: dict[str, str], *turns: Turn) -> Case:
    """A wish whose typical mistake is not to look at the file."""
    plan = Plan(tuple(turn for turn in turns if turn))
    return Case(f"Hello, this is {me}. {wanted}", details, plan, plan.without(CHECK))


def the_word(file: File) -> str:
    """The words that only this file holds."""
    return file.text.removeprefix("About the ").rpartition(" in ")[0]


def move(drive: Drive, me: str, rng: SeededRandom) -> Case:
    """A file that is known by what it says goes to another folder."""
    file = put(drive, me, rng)
    folder = rng.pick([folder for folder in FOLDERS if f"/{folder}" != file.folder])
    to = f"/{folder}/moved-{file.name}"
    action = forbidden(file, me) or call("move_file", path=file.path, to=to)
    return case(
        me,
        f"Please move the file about the {the_word(file)}.",
        {"place": f"It should become {to}."},
        (call("find_files", words=the_word(file)),),
        info([file]),
        (action,),
    )


def append(drive: Drive, me: str, rng: SeededRandom) -> Case:
    """A line for a file that is known by what it says."""
    file = put(drive, me, rng)
    line = f"See {rng.pick(FIRST)} about {rng.between(10, 99)} {rng.pick(WORDS)} pictures"
    action = forbidden(file, me) or call("append_line", path=file.path, line=line)
    return case(
        me,
        f"Please add a line to the file about the {the_word(file)}.",
        {"line": f"The line is: {line}"},
        (call("find_files", words=the_word(file)),),
        info([file]),
        (action,),
    )


def tidy(drive: Drive, me: str, rng: SeededRandom) -> Case:
    """The old files of a folder are backed up and deleted, as far as the rules allow."""
    folder = rng.pick(FOLDERS)
    files = [file for file in drive.files.values() if file.folder == f"/{folder}"]
    old = rng.some(files, rng.between(1, 2))
    for file in files:
        changed = days_ago(rng, 61, 120) if file in old else days_ago(rng, 2, 60)
        drive.files[file.path] = replace(file, modified=changed)
    old = [put(drive, me, rng, file.path) for file in old]
    free = [file for file in old if not forbidden(file, me)]
    copies = [call("copy_file", path=file.path, to=f"/backup/{file.name}") for file in free]
    deleted = [call("delete_file", path=file.path) for file in free]
    limit = (date.fromisoformat(TODAY) - timedelta(days=60)).isoformat()
    return case(
        me,
        f"Please delete what is old in the folder /{folder}.",
        {"age": f"Old is what was last changed before {limit}."},
        (call("list_folder", folder=f"/{folder}"),),
        info(files),
        (*copies, *(note for file in old if (note := forbidden(file, me)))),
        tuple(deleted),
    )


def size(drive: Drive, me: str, rng: SeededRandom) -> Case:
    """How large a folder is; hurried: its last file is not counted."""
    folder = rng.pick(FOLDERS)
    files = [file for file in drive.files.values() if file.folder == f"/{folder}"]
    sizes = [file.kilobytes for file in files]
    found = (call("list_folder", folder=f"/{folder}"),)
    return Case(
        f"Hello, this is {me}. How many kilobytes have the files of a folder in total?",
        {"folder": f"I mean the folder /{folder}."},
        Plan((found, info(files)), f"{sum(sizes)} kilobytes."),
        Plan((found, info(files[:-1])), f"{sum(sizes[:-1])} kilobytes."),
        expected=(str(sum(sizes)),),
    )


@dataclass(eq=False)
class Files(Drive):
    """The drive with files on it."""

    def begin(self, rng: SeededRandom) -> Case:
        """Fill the drive and let one of three people want something."""
        names = zip(rng.some(FIRST, 3), rng.some(LAST, 3), strict=True)
        people = [" ".join(name) for name in names]
        fill(self, people, rng)
        return rng.pick((move, append, tidy, size))(self, people[0], rng)
