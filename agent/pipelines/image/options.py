"""What the sender of an image may ask for."""

from typing import Annotated

from pydantic import AliasChoices, Field

from agent.pipelines.options import Options

_SMALL, _LARGE = 16, 2048
USUAL_THUMBNAIL = 320


class ImageOptions(Options):
    ocr: Annotated[bool | None, Field(validation_alias=AliasChoices("ocr", "extract_text"))] = None
    """Read what is written there. Null: where this machine can; true: or fail."""
    min_confidence: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Of a line of text. What is below a half is left out in any case."""
    caption: Annotated[
        bool | None, Field(validation_alias=AliasChoices("caption", "generate_caption"))
    ] = None
    """Describe the picture in a sentence. Null: where this machine has a model; true: or fail."""
    embedding: bool = False
    """A vector of numbers that is near that of pictures that look alike."""
    thumbnail: bool | Annotated[int, Field(ge=_SMALL, le=_LARGE)] = True
    """Or the length of its longest side in pixels."""
    max_pages: Annotated[int, Field(ge=1, le=200)] = 50
    """Of a file with several pages or frames; the rest is not looked at."""
    include_gps: bool = False
    """Tell where the picture was taken, if the file does."""
    accept_partial: bool = False
    """Take what there is of a file that is cut off."""
    language: Annotated[str, Field(max_length=35)] | None = None
    """Of the text; passed on."""

    @property
    def thumbnail_side(self) -> int | None:
        if self.thumbnail is True:
            return USUAL_THUMBNAIL
        return self.thumbnail or None
