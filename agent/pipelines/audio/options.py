"""What a job may say about its audio."""

from typing import Annotated, Literal

from pydantic import AliasChoices, Field, model_validator

from agent.pipelines.options import Options

_Count = Annotated[int, Field(ge=1, le=50)]


class AudioOptions(Options):
    language: Annotated[str, Field(pattern="^[a-z]{2,3}$")] | None = None
    """A code such as `de`; null: as the owner of the box has set it, else it is found out."""
    task: Literal["transcribe", "translate"] = "transcribe"
    """`translate` is into English."""
    word_timestamps: bool = Field(
        default=False, validation_alias=AliasChoices("word_timestamps", "include_timestamps")
    )
    """Always on where speakers are told apart: turns change within sentences."""
    initial_prompt: Annotated[str, Field(max_length=800)] | None = None
    """Names and terms that will be heard."""
    beam_size: Annotated[int, Field(ge=1, le=10)] | None = None
    """Null: 5 with faster-whisper, greedy with openai-whisper, where a beam costs seven times."""
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    """Null: 0, and more where that fails."""
    batch_size: Annotated[int, Field(ge=1, le=64)] | None = None
    """Windows decoded at once; null: what suits the device."""
    audio_track: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Counted from 0; null: the main one."""
    allow_partial: bool = False
    """A file that is cut off is heard as far as it goes, with a warning."""
    diarization: bool | None = Field(
        None,
        validation_alias=AliasChoices(
            "diarization",
            "speaker_diarization",
            "enable_diarization",
            "enable_speaker_diarization",
        ),
    )
    """Tell who speaks; null: as the owner of the box has set it, where it is installed."""
    num_speakers: _Count | None = None
    """Where it is known; null estimates it."""
    min_speakers: _Count | None = None
    """The fewest that the estimate may come to."""
    max_speakers: _Count | None = None
    """The most."""
    topics: bool | None = Field(
        None,
        validation_alias=AliasChoices("topics", "topic_segmentation", "enable_topic_segmentation"),
    )
    """Cut the transcript into topics; null: as the owner of the box has set it."""
    vad: bool = True
    """Believe words only where speech was found; false believes them everywhere: song, too."""
    waveform: bool = True
    """A picture of the sound."""

    @model_validator(mode="after")
    def _check_speakers(self) -> "AudioOptions":
        if (self.min_speakers or 1) > (self.max_speakers or 50):
            raise ValueError("min_speakers is more than max_speakers")
        if self.num_speakers and (self.min_speakers or self.max_speakers):
            raise ValueError("give num_speakers, or min_speakers and max_speakers, not both")
        return self
