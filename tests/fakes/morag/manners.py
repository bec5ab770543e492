"""How one MoRAG server differs from another."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    ranges: bool = True
    """Starlette 0.41 of its requirements; without, 0.27 of its Docker image."""
    marks_first: bool = True
    """Is a job called completed before its result is ingested, as in its code, or after."""
    ingestion_s: float = 0.0
    """How long the ingestion takes, all of it within the request that brings the result."""
    stands_still: bool = False
    """Nobody is answered while a result is ingested: its ingestion blocks its loop."""
    ingestion_fails: bool = False
    """It says so, and calls the job completed all the same."""
    is_mounted: bool = True
    """The newer versions have the code and do not mount it."""
    has_health: bool = True
    """`/health`, which the older versions have."""
    prefix: str = ""
    """Of the path, as a proxy adds it: the server does not know, and its addresses lack it."""
    key: str | None = None
    key_headers: tuple[str, ...] = ("Bearer", "ApiKey", "X-API-Key")
    """The forms in which the key is taken: two of Authorization, and a header of its own."""
