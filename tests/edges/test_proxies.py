import ssl

import httpx
import pytest

from agent.edges.http import NEVER_BY_PROXY
from agent.edges.proxies import networks_in, proxy_for, settings_in, without_secrets

TLS = ssl.create_default_context()
PROXY = "http://proxy.lan:3128"
URLS = [
    "http://morag.example.org/",
    "https://morag.example.org:8443/gpu",
    "https://example.org/",
    "http://192.168.1.5:8080",
    "http://127.0.0.1:8080",
    "http://localhost:8080",
    "http://[::1]:8080",
    "http://[fd00::5]:8080",
    "https://anexample.org/",
]
ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"HTTP_PROXY": PROXY},
    {"HTTPS_PROXY": PROXY},
    {"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"},
    {"ALL_PROXY": "proxy.lan:3128"},
    {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"},
    *(
        {"ALL_PROXY": PROXY, "NO_PROXY": exceptions}
        for exceptions in (
            "*",
            "example.org",
            ".example.org",
            "other.org, morag.example.org",
            "192.168.1.5",
            "192.168.0.0/16",
            "morag.example.org:8443",
            "morag.example.org:80",
            "https://morag.example.org:8443",
            "http://morag.example.org",
            "fd00::5",
            "localhost",
            "",
        )
    ),
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("environ", ENVIRONMENTS, ids=str)
def test_the_proxy_is_the_one_that_our_requests_take(
    url: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    client = httpx.AsyncClient(mounts=NEVER_BY_PROXY, verify=TLS)

    transport = client._transport_for_url(httpx.URL(url))

    is_direct = transport is client._transport
    assert (proxy_for(url, environ) is None) is is_direct


def test_secrets_of_a_proxy_are_not_shown() -> None:
    assert without_secrets("http://me:hush@proxy.lan:3128") == "http://***@proxy.lan:3128"
    assert without_secrets("me:hush@proxy.lan:3128") == "http://***@proxy.lan:3128"
    assert without_secrets(PROXY) == PROXY


def test_what_no_proxy_cannot_say_is_found() -> None:
    assert networks_in({"NO_PROXY": "10.0.0.0/8,https://a/,b"}) == ["10.0.0.0/8"]
    assert settings_in({"no_proxy": "a", "NO_PROXY": "b", "http_proxy": ""}) == {"NO_PROXY": "a"}
