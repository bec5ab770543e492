"""What a sender may ask of a document task."""

from typing import Annotated

from pydantic import AliasChoices, Field

from agent.pipelines.options import Options


class DocumentOptions(Options):
    """MoRAG's own words are understood, too: `extract_tables`, `ocr_enabled`."""

    password: Annotated[str, Field(max_length=200)] | None = None
    """Opens an encrypted PDF. It is not kept, nor told to anybody."""
    ocr: Annotated[bool | None, Field(validation_alias=AliasChoices("ocr", "ocr_enabled"))] = None
    """Recognise letters in pictures of pages: null where a page has no text, true on all pages."""
    max_pages: Annotated[int, Field(ge=1)] | None = None
    """Of a PDF; null reads all."""
    tables: Annotated[bool, Field(validation_alias=AliasChoices("tables", "extract_tables"))] = True
    """Look for tables on the pages of a PDF; other formats say themselves where theirs are."""
    page_numbers: bool = True
    """`[Page 3]` where a page begins, so that each part of the text can be found again."""
    preserve_formatting: bool = True
    """False: the words alone, without headings, emphasis and tables."""
    language: Annotated[str, Field(max_length=35)] | None = None
    """Said by the sender, passed on; where null, what the document says itself."""
