import time
from pathlib import Path

import httpx
import pytest

from agent.edges.certificates import Certificate, Distrust, certificate
from agent.edges.reaching import Place, UnreachableError
from tests.edges.authority import Authority, Shown, showing


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def seen(shown: Shown | None) -> Certificate:
    with showing(shown) as port:
        return certificate(Place("127.0.0.1", port), None, 5.0, httpx.create_ssl_context())


def test_a_certificate_of_an_authority_that_is_named_is_believed(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    found = seen(authority.issue())

    assert found.distrust is None
    assert found.issuer == "Home CA"
    assert found.protocol == "TLSv1.3"
    assert found.ends is not None
    assert 29 < (found.ends - time.time()) / 86_400 < 30


def test_one_of_an_unknown_authority_is_not_and_its_issuer_is_told(authority: Authority) -> None:
    found = seen(authority.issue())

    assert found.distrust is Distrust.UNKNOWN_ISSUER
    assert found.issuer == "Home CA"


def test_one_that_is_signed_by_itself_is_not(authority: Authority) -> None:
    assert seen(authority.issue(is_self_signed=True)).distrust is Distrust.SELF_SIGNED


def test_one_for_another_name_is_not_and_that_name_is_told(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    found = seen(authority.issue(host="morag.example.org"))

    assert found.distrust is Distrust.OTHER_NAME
    assert found.names == ("morag.example.org",)


def test_one_that_has_run_out_is_not(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))

    assert seen(authority.issue(days=-1)).distrust is Distrust.EXPIRED


def test_a_server_without_tls_is_told_as_such() -> None:
    with pytest.raises(UnreachableError, match="no TLS is spoken there"):
        seen(None)
