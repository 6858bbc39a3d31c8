"""What the inspector reads: a meter's reading somewhere in much that does not matter."""

from collections.abc import Sequence

from agentgym.env.seeded_random import SeededRandom
from agentgym_envs.inspection.building import LEVELS, Building

THINGS = ("chair", "table", "lamp", "clock", "shelf", "bed", "stove", "box")
LOOKS = ("old", "new", "small", "large", "dusty", "clean", "broken", "empty")
PLACES = ("by the door", "near the window", "in the corner", "under the roof", "at the wall")
FORMS = (
    "a {look} {thing} stands {place}.",
    "the {thing} {place} is {look}.",
    "nobody has used the {thing} for years.",
    "dust lies on the {look} {thing}.",
    "a {thing} hides the {look} {other}.",
)
LABELS = (
    "a label on the {thing} says {number}.",
    "the {look} {thing} has the number {number}.",
)


def report(building: Building, place: int, clutter: float) -> str:
    """Of the room at a place of the walk, from 0; ``clutter`` scales its length."""
    level, rng = LEVELS[building.level], SeededRandom("report", building.clutter, place)
    room = building.rooms[place]
    fact = f"the meter of the {room} room says {building.readings[room]}."
    said: list[str] = []
    while words([*said, fact]) < clutter * level.words - 3:  # then it is near enough
        said.append(_sentence(rng, FORMS + LABELS if level.labels else FORMS))
    said.insert(rng.below(len(said) + 1), fact)
    return " ".join(said)


def words(sentences: Sequence[str]) -> int:
    """How many there are."""
    return sum(len(sentence.split()) for sentence in sentences)


def _sentence(rng: SeededRandom, forms: Sequence[str]) -> str:
    thing, other = rng.some(THINGS, 2)
    return rng.pick(forms).format(
        thing=thing,
        other=other,
        look=rng.pick(LOOKS),
        place=rng.pick(PLACES),
        number=10 + rng.below(90),
    )


def question(building: Building) -> str:
    """As it is put after the last room."""
    rooms = [f"the {room} room" for room in building.about]
    match building.question:
        case "password":
            asked = "what was the password?"
        case "reading":
            asked = f"what did the meter of {rooms[0]} say?"
        case "higher":
            asked = f"whose meter said more, that of {rooms[0]} or that of {rooms[1]}?"
        case "sum":
            asked = f"what is the sum of the meters of {rooms[0]} and {rooms[1]}?"
    return f"no room is left. {asked}"
