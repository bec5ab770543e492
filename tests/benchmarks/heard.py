"""How two transcripts of one speech compare: their word errors, and what may be chance in it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
from whisper.normalizers import EnglishTextNormalizer

_BLOCK = 25
"""Words of a sample that stay together: errors come in clusters."""
_SAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Heard:
    """Errors at each word that was spoken; what was invented counts at the word it precedes."""

    errors: tuple[int, ...]

    @property
    def rate(self) -> float:
        return sum(self.errors) / len(self.errors)


def heard(spoken: str, transcript: str) -> Heard:
    """By the rules for English of the whisper paper (appendix C): numbers, spellings, fillers."""
    plain = EnglishTextNormalizer()
    aligned = jiwer.process_words(plain(spoken), plain(transcript))
    errors = [0] * len(aligned.references[0])
    for chunk in aligned.alignments[0]:
        match chunk.type:
            case "insert":
                place = min(chunk.ref_start_idx, len(errors) - 1)
                errors[place] += chunk.hyp_end_idx - chunk.hyp_start_idx
            case "substitute" | "delete":
                for place in range(chunk.ref_start_idx, chunk.ref_end_idx):
                    errors[place] += 1
            case _:
                pass
    return Heard(tuple(errors))


def difference(one: Heard, other: Heard, seed: int = 1) -> tuple[float, float]:
    """The 95 % interval of `one`'s rate less `other`'s: a paired bootstrap over blocks of words.

    After Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR performance
    evaluation", 2004.
    """
    steps = [a - b for a, b in zip(one.errors, other.errors, strict=True)]
    blocks = [sum(steps[place : place + _BLOCK]) for place in range(0, len(steps), _BLOCK)]
    chance = random.Random(seed)
    sums = sorted(sum(_drawn(blocks, chance)) for _ in range(_SAMPLES))
    low, high = sums[_SAMPLES // 40], sums[-_SAMPLES // 40]
    return low / len(steps), high / len(steps)


def _drawn(blocks: Sequence[int], chance: random.Random) -> Sequence[int]:
    return chance.choices(blocks, k=len(blocks))
