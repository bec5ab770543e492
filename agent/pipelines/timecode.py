"""Writes moments of a recording the ways that people and players read them."""


def clock(seconds: float) -> str:
    """`MM:SS`, and `HH:MM:SS` from one hour on."""
    minutes, whole = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{whole:02}" if hours else f"{minutes:02}:{whole:02}"


def long_clock(seconds: float) -> str:
    """`HH:MM:SS`."""
    return _with_milliseconds(seconds, ".")[:-4]


def srt_time(seconds: float) -> str:
    return _with_milliseconds(seconds, ",")


def vtt_time(seconds: float) -> str:
    return _with_milliseconds(seconds, ".")


def _with_milliseconds(seconds: float, mark: str) -> str:
    # Rounded once, as a whole: 59.9996 s is 00:01:00.000, never 00:00:60.000.
    left, milliseconds = divmod(round(seconds * 1000), 1000)
    left, whole = divmod(left, 60)
    hours, minutes = divmod(left, 60)
    return f"{hours:02}:{minutes:02}:{whole:02}{mark}{milliseconds:03}"
