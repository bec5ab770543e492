"""The web pipeline: a page, saved or fetched, becomes Markdown without what surrounds it."""

from pathlib import Path

from agent.model.ids import Bytes, JsonObject, Seconds
from agent.model.work import PipelineSettings, Produced, Progress, Task
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.running import Box, box_of
from agent.pipelines.box.scratch import scratch_of
from agent.pipelines.errors import MediaUnreadableError, OptionsInvalidError
from agent.pipelines.options import parse_options
from agent.pipelines.output import write
from agent.pipelines.pipeline import Report
from agent.pipelines.web.content import WebPage
from agent.pipelines.web.fetching import Rules, fetch
from agent.pipelines.web.options import WebOptions
from agent.pipelines.web.rendering import (
    as_json,
    as_markdown,
    as_text,
    domain_of,
    title_of,
    word_count,
)
from agent.pipelines.web.shortcuts import url_in

_LIMITS = Limits(
    memory=Bytes(2 * 1024**3), cpu=Seconds(300.0), written=Bytes(0), stall=Seconds(300.0)
)
_FETCHED, _READ = 0.5, 0.95
"""Fractions of the whole task."""


class WebPipeline:
    def __init__(
        self, settings: PipelineSettings, box: Box | None = None, rules: Rules | None = None
    ) -> None:
        self._settings = settings
        self._box = box or box_of(settings)
        self._rules = rules or Rules.of(settings)

    def run(self, task: Task, report: Report) -> Produced:
        options = parse_options(WebOptions, task.options)
        # Two folders: what was fetched is ours, and the box may write into the other only.
        with scratch_of(task) as mine, scratch_of(task) as scratch:
            source, arguments = self._source(task, options, mine, report)
            report(Progress(_FETCHED, "reading"))
            answer = self._box.read("web", source, scratch, arguments, limits=_LIMITS)
            page = WebPage.of(answer)
        report(Progress(_READ, "writing"))
        if not word_count(page):
            raise MediaUnreadableError("the page holds no text; perhaps a script would write it.")
        language = options.language or page.facts.language
        folder, name = Path(task.output), task.filename
        written = (
            write(folder, "page.json", as_json(page, name, language)),
            write(folder, "page.md", as_markdown(page, name, language)),
            write(folder, "text.txt", as_text(page)),
        )
        return Produced(written, _summary(page, name, language))

    def _source(
        self, task: Task, options: WebOptions, folder: Path, report: Report
    ) -> tuple[Path, JsonObject]:
        """The file to read, fetched first where that is asked for, and what is known of it."""
        source = Path(task.input)
        arguments: JsonObject = {"links": options.links}
        if options.url is None and not options.fetch:
            return source, arguments
        self._check_allowed()
        report(Progress(0.0, "fetching"))
        fetched = fetch(options.url or url_in(source), folder / "page", self._rules)
        arguments |= {
            "url": fetched.url,
            "charset": fetched.charset,
            "is_packed": fetched.is_packed,
        }
        return folder / "page", arguments

    def _check_allowed(self) -> None:
        if not self._settings.allow_web_fetch or self._settings.offline:
            raise OptionsInvalidError(
                "pages are not fetched here: the owner of this machine has not allowed it"
                " (allow_web_fetch); save the page and send the file."
            )


def _summary(page: WebPage, filename: str, language: str | None) -> JsonObject:
    """Flat, and in MoRAG's words: it copies all of this into every chunk."""
    facts = page.facts
    summary: JsonObject = {
        "content_type": "web",
        "url": facts.url,
        "title": title_of(page, filename),
        "description": facts.description,
        "author": facts.author,
        "publication_date": facts.date,
        "language": language,
        "domain": domain_of(page),
        "site": facts.site,
        "word_count": word_count(page),
        "link_count": len(page.links),
        "encoding": page.encoding,
        "warnings": [*page.warnings] or None,
    }
    return {name: value for name, value in summary.items() if value is not None}
