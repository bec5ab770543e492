"""The way to the server as the checks go along it: where one step fails, the next are not tried."""

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import httpx

from agent.cli.doctor.check import Check, Finding, Group, Verdict, unknown
from agent.config import Settings
from agent.edges.http import Connection, Sockets
from agent.edges.manner import KeyForm, Manner
from agent.edges.morag.problems import refusal
from agent.edges.problems import error_of
from agent.edges.proxies import proxy_for
from agent.edges.reaching import Place

LANE = "network"


@dataclass
class Route:
    settings: Settings
    environ: Mapping[str, str]
    trust: Callable[[], ssl.SSLContext] = httpx.create_ssl_context
    obstacle: str | None = None
    """The check at which the way ended."""
    dialect: str | None = None
    """What the server was found to speak: `native` or `morag`."""
    _token: str | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return self.settings.server_url

    @property
    def server(self) -> Place:
        return Place.of(self.url)

    @property
    def proxy(self) -> str | None:
        return proxy_for(self.url, self.environ)

    @property
    def first(self) -> Place:
        """Whom we connect to ourselves."""
        return self.server if self.proxy is None else Place.of(self.proxy)

    @property
    def is_morag(self) -> bool:
        """As far as that is known: `server` finds out."""
        return (self.dialect or self.settings.server_dialect) == "morag"

    def use(self, token: str) -> None:
        self._token = token

    def connection(self, *, has_token: bool = True, key_form: KeyForm | None = None) -> Connection:
        """As the agent's own, with its token once that is known."""
        manner = Manner(
            key_form=key_form or self.settings.server_key_form,
            refusal=refusal if self.is_morag else error_of,
        )
        token = self._token if has_token else None
        return Connection(self.url, token, user_agent="morag-agent-doctor", manner=manner)

    def idle_connection(self) -> Connection:
        """One that never hangs up by itself."""
        patient = httpx.Limits(keepalive_expiry=None)

        def transport() -> httpx.AsyncHTTPTransport:
            return httpx.AsyncHTTPTransport(verify=self.trust(), limits=patient, proxy=self.proxy)

        return Connection(self.url, None, sockets=Sockets(transport=transport))

    def step(
        self,
        group: Group,
        name: str,
        look: Callable[["Route"], Finding],
        *,
        deadline: float = 20.0,
        lane: str = LANE,
        wants_quiet: bool = False,
    ) -> Check:
        return Check(
            group=group,
            name=name,
            look=partial(self._unless_blocked, name if lane == LANE else None, look),
            deadline=deadline,
            lane=lane,
            wants_quiet=wants_quiet,
            when_silent="something on the way swallows what is sent: a firewall, most likely",
        )

    def _unless_blocked(self, name: str | None, look: Callable[["Route"], Finding]) -> Finding:
        """`name` is that of a step without which the next ones make no sense."""
        if self.obstacle is not None:
            return unknown(f"not tried, for want of `{self.obstacle}`")
        if name is None:
            return look(self)
        # Until it answers it stands in the way: it may hang, and be left behind.
        self.obstacle = name
        finding = look(self)
        if finding.verdict is not Verdict.ERROR:
            self.obstacle = None
        return finding
