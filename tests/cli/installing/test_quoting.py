import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.installing.quoting import unit_command, unit_value, unit_word

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("/opt/agent", "/opt/agent"),
        ("/home/ada lovelace", '"/home/ada lovelace"'),
        ("100%", "100%%"),
        ('say "hi"', '"say \\"hi\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ("", '""'),
        ("$HOME", "$HOME"),
        ("# no comment", '"# no comment"'),
    ],
)
def test_a_word_is_quoted_where_systemd_would_split_or_complete_it(text: str, written: str) -> None:
    assert unit_word(text) == written


def test_a_dollar_is_doubled_only_in_commands() -> None:
    assert unit_command("/opt/$x") == "/opt/$$x"
    assert unit_value("/opt/a b$x%") == "/opt/a b$x%%"


def as_systemd_reads(line: str) -> str:
    """One word: specifiers, then quotes and escapes."""
    bare = line.replace("%%", "%")
    if not bare.startswith('"'):
        return bare
    letters = iter(bare[1:-1])
    return "".join(next(letters) if letter == "\\" else letter for letter in letters)


@given(TEXTS)
def test_what_systemd_reads_is_what_was_meant(text: str) -> None:
    assert as_systemd_reads(unit_word(text)) == text
