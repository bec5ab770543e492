"""Dice that land where a test wants them."""

from random import Random


class Highest(Random):
    """Always lands on the highest face."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - the signature is Random's
        return b


class Lowest(Random):
    """Always lands on the lowest face."""

    def uniform(self, a: float, b: float) -> float:  # noqa: ARG002 - the signature is Random's
        return a
