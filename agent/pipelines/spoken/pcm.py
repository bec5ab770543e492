"""How sound is kept once it is decoded: mono, 16-bit little-endian integers, without a header."""

SAMPLE_RATE = 16_000
BYTES_PER_SAMPLE = 2
BYTES_PER_SECOND = BYTES_PER_SAMPLE * SAMPLE_RATE
PCM_NAME = "audio.s16"
"""Of the file that the box leaves in its scratch folder."""
