"""What the image pipeline asks of a model that looks at pictures."""

from typing import Protocol

from agent.pipelines.ocr.engine import Pixels


class Captioner(Protocol):
    @property
    def name(self) -> str: ...

    def caption(self, pixels: Pixels) -> str:
        """One sentence in the model's own language; empty where it has nothing to say."""


class Embedder(Protocol):
    @property
    def name(self) -> str:
        """Vectors can be compared only with those of the same name."""

    def embedding(self, pixels: Pixels) -> tuple[float, ...]:
        """Of length 1: the product of two is how alike they are, up to 1."""
