"""How sound is kept once it is decoded: mono, 16-bit little-endian integers, without a header."""

SAMPLE_RATE = 16_000
BYTES_PER_SAMPLE = 2
