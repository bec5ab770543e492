"""What a sender may ask of a web task."""

from typing import Annotated

from pydantic import AliasChoices, Field

from agent.pipelines.options import Options


class WebOptions(Options):
    """MoRAG's own word `extract_links` is understood, too."""

    url: Annotated[str, Field(max_length=2000)] | None = None
    """Fetch this page; the file that was sent is not looked at. The owner must have allowed it."""
    fetch: bool = False
    """Fetch the page whose address is in the file (.url, .webloc, or a text with one URL)."""
    links: Annotated[bool, Field(validation_alias=AliasChoices("links", "extract_links"))] = True
    """Keep links in the text, and list them below it."""
    language: Annotated[str, Field(max_length=35)] | None = None
    """Said by the sender, passed on; where null, what the page says itself."""
