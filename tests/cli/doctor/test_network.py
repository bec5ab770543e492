from pathlib import Path

import pytest

from agent.cli.doctor.check import Verdict
from agent.cli.doctor.network import (
    certificate_finding,
    connect_finding,
    contacts_finding,
    name_finding,
    proxy_finding,
    tls_finding,
)
from agent.cli.doctor.route import Route
from agent.config import Settings
from agent.edges.certificates import Certificate, Distrust
from agent.edges.reaching import Contact
from tests.edges.authority import Authority, showing
from tests.edges.tunnel import http_proxy

NOW, DAY = 1_800_000_000.0, 86_400


def route(url: str = "https://morag.example.org", **environ: str) -> Route:
    return Route(Settings(server_url=url), environ)


def test_without_a_proxy_the_way_is_direct() -> None:
    assert proxy_finding(route()).seen == "none is named: the server is reached directly"


def test_the_proxy_in_force_is_told_without_its_secrets() -> None:
    found = proxy_finding(route(HTTPS_PROXY="http://me:hush@proxy.lan:3128", NO_PROXY="lan"))

    assert found.verdict is Verdict.OK
    assert "through http://***@proxy.lan:3128" in found.seen
    assert "NO_PROXY lan" in found.seen
    assert "hush" not in found.seen


@pytest.mark.parametrize(
    ("environ", "verdict", "words"),
    [
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.org"}, Verdict.OK, "directly"),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"},
            Verdict.WARNING,
            "networks such as 10.0.0.0/8 are not understood",
        ),
        ({"ALL_PROXY": "socks5://p:1"}, Verdict.ERROR, "no HTTP proxy"),
    ],
)
def test_proxies_that_do_not_do_what_they_seem_to_are_told(
    environ: dict[str, str], verdict: Verdict, words: str
) -> None:
    found = proxy_finding(route(**environ))

    assert found.verdict is verdict
    assert words in found.seen


def test_a_name_is_looked_up_and_an_address_is_not() -> None:
    assert name_finding(route("http://127.0.0.1:1")).verdict is Verdict.NOT_APPLICABLE
    assert name_finding(route("http://localhost:1")).verdict is Verdict.OK
    lost = name_finding(route("https://no-such-host.invalid"))
    assert lost.verdict is Verdict.ERROR
    assert "no-such-host.invalid has no address" in lost.seen


def test_the_name_that_matters_is_that_of_the_proxy() -> None:
    found = name_finding(route("https://no-such-host.invalid", HTTPS_PROXY="http://localhost:1"))

    assert "localhost is" in found.seen


def test_nobody_who_listens_is_an_error_with_what_to_do() -> None:
    found = connect_finding(route("http://127.0.0.1:9"))

    assert found.verdict is Verdict.ERROR
    assert found.seen == "127.0.0.1:9 cannot be reached: IPv4 Connection refused"
    assert "start the server" in found.advice


def test_a_kind_of_address_that_is_broken_is_worth_a_word() -> None:
    contacts = [Contact("192.0.2.1", 0.02), Contact("2001:db8::1", 5.0, "timed out")]

    found = contacts_finding("host:443", contacts)

    assert found.verdict is Verdict.WARNING
    assert found.seen == "host:443 takes connections: IPv4 in 20 ms; IPv6 timed out"
    assert contacts_finding("host:443", contacts[:1]).verdict is Verdict.OK


def test_plain_http_has_no_certificate() -> None:
    assert tls_finding(route("http://127.0.0.1:1")).verdict is Verdict.NOT_APPLICABLE


def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    with showing(authority.issue()) as port:
        stranger = tls_finding(route(f"https://127.0.0.1:{port}"))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        named = tls_finding(route(f"https://127.0.0.1:{port}", SSL_CERT_FILE=str(authority.file)))

    assert stranger.verdict is Verdict.ERROR
    assert "is not known here (issued by Home CA)" in stranger.seen
    assert "SSL_CERT_FILE" in stranger.advice
    assert named.verdict is Verdict.OK
    assert named.seen.startswith("TLSv1.3, issued by Home CA, trusted by ")


def test_a_certificate_is_seen_through_the_tunnel_of_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    shown = authority.issue(host="morag.invalid")
    with showing(shown) as port, http_proxy() as proxy:
        environ = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
        found = tls_finding(route(f"https://morag.invalid:{port}", **environ))

    assert proxy.heard == [f"CONNECT morag.invalid:{port} HTTP/1.1"]
    assert found.verdict is Verdict.OK


def test_a_file_of_authorities_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such/ca.pem")

    found = tls_finding(route("https://127.0.0.1:9", SSL_CERT_FILE="/no/such/ca.pem"))

    assert found.verdict is Verdict.ERROR
    assert "/no/such/ca.pem" in found.seen


def test_a_server_that_speaks_no_tls_is_told() -> None:
    with showing(None) as port:
        found = tls_finding(route(f"https://127.0.0.1:{port}"))

    assert found.verdict is Verdict.ERROR
    assert "no TLS is spoken there" in found.seen


@pytest.mark.parametrize("why", Distrust)
def test_each_reason_for_distrust_has_a_sentence_and_what_to_do(why: Distrust) -> None:
    found = certificate_finding(Certificate(distrust=why, reason="a word"), route(), NOW)

    assert found.verdict is Verdict.ERROR
    assert "the server's certificate" in found.seen
    assert found.advice


def test_a_certificate_that_soon_runs_out_is_worth_a_word() -> None:
    def verdict(days: float) -> Verdict:
        shown = Certificate(issuer="R3", protocol="TLSv1.3", ends=NOW + days * DAY)
        return certificate_finding(shown, route(), NOW).verdict

    assert (verdict(60), verdict(5)) == (Verdict.OK, Verdict.WARNING)
