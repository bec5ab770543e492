"""One HTTP request and its answer, as those see them who carry them."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

Headers = tuple[tuple[str, str], ...]
_LEASE = re.compile(r"/v1/leases/([^/]+)/([a-z]+)")
_REMOTE_JOB = re.compile(r"/api/v1/remote-jobs/([^/]+)/(download|result|status)")


@dataclass(frozen=True, slots=True)
class Call:
    number: int
    caller: str
    """Whose process, and which start of it: `attic/2`."""
    method: str
    url: str
    headers: Headers
    body: bytes

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def lease_id(self) -> str:
        found = _LEASE.match(self.path)
        return found[1] if found else ""

    @property
    def remote_job(self) -> str:
        """The job of a MoRAG server that it is about."""
        found = _REMOTE_JOB.match(self.path)
        return found[1] if found else ""

    @property
    def verb(self) -> str:
        """What it is about: `hello`, `poll`, `renew`, `input`, `artifacts`, `result` and so on."""
        found = _LEASE.match(self.path)
        if found:
            return found[2]
        if remote := _REMOTE_JOB.match(self.path):
            return "input" if remote[2] == "download" else remote[2]
        if self.path.endswith("/poll"):
            return "poll"
        if self.path.startswith("/v1/agents/"):
            return "hello" if self.method == "PUT" else "sign_off"
        return "jobs" if self.path.startswith("/v1/jobs") else "file"

    @property
    def is_download(self) -> bool:
        return self.verb in {"input", "file"} or (self.method == "GET" and "artifacts" in self.path)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Headers
    body: bytes = b""
    """Empty for downloads: those are told by what is made of them."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)
