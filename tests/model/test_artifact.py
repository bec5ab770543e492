import pytest

from agent.model.artifact import ARTIFACT_NAME


@pytest.mark.parametrize(
    "name", ["transcript.md", "0", "pages/1.md", "A_b-c.d", "a" * 128, "b" * 128 + "/" + "c" * 128]
)
def test_a_file_may_lie_under_one_folder(name: str) -> None:
    assert ARTIFACT_NAME.fullmatch(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".hidden",
        "..",
        "../secret",
        "a/../b",
        "/etc/passwd",
        "a//b",
        "a/b/c",
        "a/",
        "-rf",
        "a b",
        "a\\b",
        "a\n",
        "a\x00b",
        "é.md",
        "a" * 129,
    ],
)
def test_no_name_leads_out_of_its_folder(name: str) -> None:
    assert not ARTIFACT_NAME.fullmatch(name)
