"""The parts that all unit files share."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from agent.cli.installing.plan import KEPT_ON_EXIT, Site
from agent.cli.installing.quoting import unit_word


def unit_file(sections: Mapping[str, Iterable[str]]) -> str:
    return "\n".join(f"[{name}]\n" + "\n".join(lines) + "\n" for name, lines in sections.items())


def about(site: Site) -> Iterator[str]:
    yield "Description=MoRAG agent"
    if not site.is_user:
        # A person's own systemd knows nothing of the network.
        yield "Wants=network-online.target"
        yield "After=network-online.target"
    yield "# The server may be away for days: nobody gives up."
    yield "StartLimitIntervalSec=0"


def restarting(stop_timeout_s: int) -> Iterator[str]:
    yield "Restart=always"
    yield "RestartSec=5"
    yield "# Wrong settings, a refused request, another agent of the same id: only a person helps."
    yield f"RestartPreventExitStatus={' '.join(map(str, KEPT_ON_EXIT))}"
    yield f"TimeoutStopSec={stop_timeout_s}"


def environment(
    variables: Mapping[str, str], written: Callable[[str], str] = unit_word
) -> Sequence[str]:
    return [f"Environment={written(f'{name}={text}')}" for name, text in variables.items()]


def wanted(site: Site) -> str:
    return f"WantedBy={'default' if site.is_user else 'multi-user'}.target"
