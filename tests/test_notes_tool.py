"""Notes: an agent's memory within an episode."""

from copy import deepcopy

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agentgym.tools.tool import tools_of
from agentgym_tools.notes import LONGEST, NOTES, Notes


def test_notes_are_kept_found_and_listed():
    notes = Notes()
    write, read, listed, search = tools_of(notes)
    assert listed.run({}).content == "there are no notes yet"
    assert write.run({"title": " Bob ", "text": "lives in Lima"}).content == "Kept: Bob"
    assert write.run({"title": "Ann", "text": "lives in Rome, likes Lima"}).content == "Kept: Ann"
    assert write.run({"title": "Bob", "text": "moved to Rome"}).content == "Replaced: Bob"
    assert read.run({"title": "Bob"}).content == "moved to Rome"
    assert listed.run({}).content == "notes: Bob; Ann"
    assert search.run({"query": "who likes Rome?"}).content.splitlines() == [
        "Ann: lives in Rome, likes Lima",  # two words shared
        "Bob: moved to Rome",
    ]
    assert search.run({"query": "zebra"}).content == "no note has these words; notes: Bob; Ann"


def test_what_cannot_be_done_is_said():
    write, read, *_ = tools_of(Notes())
    assert "no note 'x'" in read.run({"title": "x"}).content
    assert write.run({"title": " ", "text": ""}).error == "exception"
    assert str(LONGEST) in write.run({"title": "x", "text": "y" * LONGEST}).content
    for number in range(NOTES):
        assert write.run({"title": str(number), "text": ""}).error is None
    assert "in use" in write.run({"title": "one more", "text": ""}).content
    assert write.run({"title": "0", "text": "replaced"}).error is None


class Memory(RuleBasedStateMachine):
    """Notes are a dictionary whose copies go their own ways."""

    def __init__(self):
        super().__init__()
        self.notes, self.expected = Notes(), {}

    @rule(title=st.sampled_from("abc"), text=st.text(max_size=20))
    def write(self, title, text):
        tools_of(self.notes)[0].run({"title": title, "text": text})
        self.expected[title] = text

    @rule(title=st.sampled_from("abc"))
    def a_copy_is_apart(self, title):
        write, *_ = deepcopy(tools_of(self.notes))
        write.run({"title": title, "text": "of the copy"})

    @invariant()
    def what_was_written_is_read(self):
        _, read, *_ = tools_of(self.notes)
        for title, text in self.expected.items():
            assert read.run({"title": title}).content == text.encode("utf-8", "replace").decode()
        assert list(self.notes.notes) == list(self.expected)


TestMemory = Memory.TestCase
TestMemory.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
