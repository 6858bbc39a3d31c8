"""Settings: what its tables hold, and what one may be asked to do there."""

from collections.abc import Mapping, Sequence

from agentgym.env.seeded_random import SeededRandom
from agentgym_envs.webapps.problem import Edit, Errand, Question, Tables
from agentgym_envs.webapps.words import PEOPLE

Choices = Sequence[str] | Sequence[int] | Sequence[bool]
TENS = range(0, 101, 5)
ON_OFF = (False, True)
OPTIONS: Mapping[str, Mapping[str, Choices]] = {
    "profile": {
        "language": ("english", "french", "german", "spanish"),
        "name": PEOPLE,
        "country": ("france", "india", "kenya", "peru"),
    },
    "display": {
        "brightness": TENS,
        "theme": ("light", "dark", "auto"),
        "text size": ("small", "normal", "large"),
    },
    "sound": {"volume": TENS, "ringtone": ("bell", "wave", "bird"), "vibrate": ON_OFF},
    "network": {
        "wifi": ON_OFF,
        "wifi name": tuple(f"{person} net" for person in PEOPLE),
        "proxy": ("none", "fast", "safe", "company"),
    },
    "privacy": {"screen lock": ("none", "pin", "password"), "location": ON_OFF, "ads": ON_OFF},
    "power": {"sleep after": range(5, 61, 5), "saver": ON_OFF, "wake on": ("key", "touch", "lid")},
}


def fill(rng: SeededRandom, size: int, simple: bool) -> Tables:  # noqa: ARG001  like its siblings
    """One record of options for each part of the device; one option each when simple."""
    return {
        part: {
            "1": {
                label: rng.pick(values)
                for label, values in list(options.items())[: 1 if simple else None]
            }
        }
        for part, options in OPTIONS.items()
    }


def errands(rng: SeededRandom, tables: Tables, simple: bool) -> list[Errand]:  # noqa: ARG001
    """One option to change in each part."""
    return [_option(rng, tables, part) for part in OPTIONS]


def questions(rng: SeededRandom, tables: Tables) -> list[Question]:
    """What an option is set to."""
    part = rng.pick(list(OPTIONS))
    record = tables[part]["1"]
    label = rng.pick([label for label in record if not isinstance(record[label], bool)])
    return [Question(f"what is {label} set to on the page {part}?", f"{record[label]}", (), part)]


def _option(rng: SeededRandom, tables: Tables, part: str) -> Errand:
    record = tables[part]["1"]
    label = rng.pick(list(record))
    value = rng.other(OPTIONS[part][label], record[label])
    edit = Edit(
        table=part,
        id="1",
        record={**record, label: value},
        page=part,
        fields={label: value if isinstance(value, bool) else str(value)},
        press="save",
    )
    if isinstance(value, bool):
        return Errand(f"switch {label} {'on' if value else 'off'} on the page {part}", edit)
    return Errand(f"set {label} to {value} on the page {part}", edit)
