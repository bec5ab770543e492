"""What the box is asked of an image; known on both of its sides, and imports nothing heavy."""

from dataclasses import asdict, dataclass

from agent.model.ids import JsonObject

MOST_PIXELS_KEPT = 16_000_000
"""Of a page: A4 at 400 dots an inch. What is larger is shrunk before anything looks at it."""
MOST_PIXELS_KEPT_OF_MANY = 8_000_000
"""… where there are several: scratch space for 50 pages is then 1.2 GB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    most_pixels: int
    """More are refused before they are decoded."""
    most_pages: int
    include_gps: bool = False
    """Else the position does not even leave the box."""
    accept_partial: bool = False
    """Take what there is of a file that is cut off."""

    def as_arguments(self) -> JsonObject:
        return dict(asdict(self))


def page_name(number: int) -> str:
    """Of the file in scratch with the `number`th page's pixels; the first is 0."""
    return f"page-{number}.rgb"
