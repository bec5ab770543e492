import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.errors import OptionsInvalidError
from agent.pipelines.web.targets import target_of


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://Example.org", "https://example.org/"),
        ("http://example.org:80/a?b=c#d", "http://example.org/a?b=c"),
        ("https://example.org:8443/ä b".replace(" ", "%20"), "https://example.org:8443/%C3%A4%20b"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ("http://[2606:4700::1111]/x", "http://[2606:4700::1111]/x"),
        ("http://example.org./", "http://example.org/"),
        ("http://example.org/a%2Fb", "http://example.org/a%2Fb"),
    ],
)
def test_a_url_is_brought_into_one_form(url: str, normal: str) -> None:
    assert target_of(url).url == normal


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "only http and https"),
        ("ftp://example.org/", "only http and https"),
        ("gopher://example.org/", "only http and https"),
        ("javascript:alert(1)", "only http and https"),
        ("example.org", "only http and https"),
        ("http://", "host name"),
        ("http://user:secret@example.org/", "name or password"),
        ("http://user@example.org/", "name or password"),
        ("http://example.org:22/", "port 22"),
        ("http://example.org:99999/", "no URL"),
        ("http://[::1/", "no URL"),
        ("http://example.org/\r\nHost: other", "blanks"),
        ("http://example.org\\@127.0.0.1/", "blanks"),
        ("http://exam_ple!.org/", "host name"),
        (f"http://example.org/{'x' * 2000}", "longer than 2000"),
    ],
)
def test_what_no_public_page_has_is_refused(url: str, why: str) -> None:
    with pytest.raises(OptionsInvalidError, match=why):
        target_of(url)


def test_a_password_is_not_told_again() -> None:
    with pytest.raises(OptionsInvalidError) as caught:
        target_of("http://user:secret@example.org/")

    assert "secret" not in str(caught.value)


def test_in_the_owners_own_network_any_port_may_be_asked() -> None:
    assert target_of("http://10.0.0.7:8123/", any_port=True).port == 8123


@given(st.text())
def test_no_text_gets_a_line_break_or_a_blank_into_a_request(text: str) -> None:
    try:
        target = target_of(f"http://example.org/{text}")
    except OptionsInvalidError:
        return
    assert not set(target.authority + target.path) & set(" \r\n\0")
    assert target.path.isascii()
