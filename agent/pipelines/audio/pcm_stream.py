"""What the decoder process writes: a header of fixed size, then mono float32 samples."""

from agent.model.ids import Bytes

SAMPLE_RATE = 16_000
BYTES_PER_SECOND = 4 * SAMPLE_RATE
HEADER_SIZE = Bytes(1024)
"""Of JSON padded with spaces, `{"source": …}` or `{"unreadable": "why"}`; keeps samples aligned."""
