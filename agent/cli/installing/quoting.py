"""How words are written in unit files, whose lines systemd splits and completes."""


def unit_value(text: str) -> str:
    """As one value that is not split, such as a path behind a colon."""
    return text.replace("%", "%%")


def unit_word(text: str) -> str:
    """As one of several words on a line of a unit file."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{unit_value(escaped)}"' if _needs_quotes(text) else unit_value(text)


def unit_command(text: str) -> str:
    """As one word of a command, where a dollar stands for a variable."""
    return unit_word(text).replace("$", "$$")


def _needs_quotes(text: str) -> bool:
    return not text or any(char.isspace() or char in "\"'\\;#" for char in text)
