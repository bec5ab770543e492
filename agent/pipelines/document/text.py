"""The text pipeline: any text file becomes clean UTF-8 and a document in MoRAG's layout."""

from pathlib import Path

from agent.model.ids import Bytes, JsonObject
from agent.model.work import Produced, Progress, Task
from agent.pipelines.document.charset import Text, read_text
from agent.pipelines.document.shapes import shape_of
from agent.pipelines.errors import TooLargeError
from agent.pipelines.markdown import head
from agent.pipelines.options import Options, parse_options
from agent.pipelines.output import write
from agent.pipelines.pipeline import Report

MAX_SIZE = Bytes(64 * 1024 * 1024)
"""Of a text file: ten long novels are 10 MiB."""


class TextOptions(Options):
    language: str | None = None
    """Said by the sender, passed on; nothing is detected."""


class TextPipeline:
    def run(self, task: Task, report: Report) -> Produced:
        options = parse_options(TextOptions, task.options)
        text = read_text(_read(Path(task.input)))
        report(Progress(0.5, "writing"))
        folder = Path(task.output)
        written = (
            write(folder, "document.md", _document(task, text, options)),
            write(folder, "text.txt", text.content),
        )
        return Produced(written, _summary(text, options))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(MAX_SIZE + 1)
    if len(raw) > MAX_SIZE:
        raise TooLargeError(f"the text is over the limit of {MAX_SIZE // 1024**2} MiB.")
    return raw


def _document(task: Task, text: Text, options: TextOptions) -> str:
    shape = shape_of(text.content, task.filename, task.media_type)
    facts = {
        "Document Type": shape.name,
        "Word Count": str(len(text.content.split())),
        "Encoding": text.encoding,
    }
    if options.language:
        facts["Language"] = options.language
    opening = head(f"Document: {task.filename}", "Document Information", facts)
    return f"{opening}\n## Content\n\n{shape.body}\n"


def _summary(text: Text, options: TextOptions) -> JsonObject:
    summary: JsonObject = {
        "content_type": "text",
        "encoding": text.encoding,
        "characters": len(text.content),
        "words": len(text.content.split()),
        "lines": len(text.content.splitlines()),
    }
    return summary | ({"language": options.language} if options.language else {})
