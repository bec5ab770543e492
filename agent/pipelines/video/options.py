"""What a job may say about its video: all that it may say about its sound, and its pictures."""

from typing import Annotated

from pydantic import AliasChoices, Field, field_validator, model_validator

from agent.pipelines.audio.options import AudioOptions

MOST_KEYFRAMES, MOST_THUMBNAILS = 500, 500
_Side = Annotated[int, Field(ge=16, le=4096)]
_Size = Annotated[tuple[_Side, _Side], Field(strict=False)]


class VideoOptions(AudioOptions):
    audio: bool = Field(True, validation_alias=AliasChoices("audio", "extract_audio"))
    """Hear the sound."""
    scenes: bool = True
    """Find the cuts."""
    keyframes: Annotated[int, Field(ge=0, le=MOST_KEYFRAMES)] = Field(
        100, validation_alias=AliasChoices("keyframes", "max_keyframes")
    )
    """The most that there may be; 0 for none."""
    extract_keyframes: bool = True
    """MoRAG's own word: false is as good as `keyframes` 0."""
    thumbnails: Annotated[int, Field(ge=0, le=MOST_THUMBNAILS)] = Field(
        20, validation_alias=AliasChoices("thumbnails", "thumbnail_count")
    )
    """How many, evenly spaced; 0 for none."""
    generate_thumbnails: bool = Field(
        True, validation_alias=AliasChoices("generate_thumbnails", "extract_thumbnails")
    )
    """MoRAG's own word: false is as good as `thumbnails` 0."""
    thumbnail_sizes: Annotated[list[_Size], Field(min_length=1, max_length=4)] = Field(
        [(320, 240)], validation_alias=AliasChoices("thumbnail_sizes", "thumbnail_size")
    )
    """Each picture is made to fit into each of them, and never enlarged."""
    sheet: bool = True
    """All key frames on one page, with their times."""
    screen_text: bool = Field(False, validation_alias=AliasChoices("screen_text", "enable_ocr"))
    """Read what is written in the key frames."""
    clips: bool = False
    """A film of each scene."""
    max_clips: Annotated[int, Field(ge=1, le=100)] = 20
    """The first that many scenes."""

    @field_validator("thumbnail_sizes", mode="before")
    @classmethod
    def _as_list(cls, given: object) -> object:
        """`[320, 240]` is one size."""
        is_one = isinstance(given, list | tuple) and all(isinstance(side, int) for side in given)
        return [given] if is_one and given else given

    @model_validator(mode="after")
    def _check_clips(self) -> "VideoOptions":
        if self.clips and not self.scenes:
            raise ValueError("clips are of scenes, and option 'scenes' is false")
        return self

    @property
    def keyframes_wanted(self) -> int:
        return self.keyframes if self.extract_keyframes else 0

    @property
    def thumbnails_wanted(self) -> int:
        return self.thumbnails if self.generate_thumbnails else 0
