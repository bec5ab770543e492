"""Speaks, so that tests of transcription have something to hear that nobody could have canned."""

import re
import subprocess
from pathlib import Path

import jiwer

FOX = (
    "The quick brown fox jumps over the lazy dog. "
    "Every morning the farmer carries fresh water to the old horse behind the barn."
)
SHIP = (
    "Our ship left the harbor in heavy rain. "
    "Three days later we found a small island with green hills and friendly people."
)

MARKET = (
    "On market days the narrow streets fill with people before the sun is up. "
    "Bakers carry baskets of warm bread to the square, and children run between the wagons. "
    "An old musician plays the violin under the clock tower until the bells ring for noon. "
    "In the afternoon the merchants count their money, fold their blue tents, and drive home."
)
LETTER = (
    "Dear brother, thank you for the letter that arrived last Tuesday. "
    "Our garden is full of apples this year, so we shall send you two boxes before winter. "
    "The roof needs new tiles, and the carpenter promised to come after the holidays. "
    "Please write soon and tell us whether your new machine works as well as you hoped."
)
"""Long enough, and without repetition: what repeats itself is a loop to the guards."""


def say(text: str, path: Path) -> Path:
    """A WAV file at 16 kHz of a woman's voice (flite, slt)."""
    subprocess.run(["flite", "-voice", "slt", "-t", text, "-o", str(path)], check=True)
    return path


def recode(source: Path, target: Path, *options: str, input_format: str | None = None) -> Path:
    """The same sound in the format that `target`'s suffix names."""
    reading = ["-f", input_format] if input_format else []
    command = ["ffmpeg", "-v", "error", "-y", *reading, "-i", str(source), *options, str(target)]
    subprocess.run(command, check=True)
    return target


def word_error_rate(spoken: str, heard: str) -> float:
    return float(jiwer.wer(_plain(spoken), _plain(heard)))


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower()))
