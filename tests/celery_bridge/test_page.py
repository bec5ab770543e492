import re
from pathlib import Path

import pytest

from tests.celery_bridge.yard import yard_in

PAGE = (Path(__file__).parents[2] / "docs" / "celery.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_program_of_the_page_gets_the_text_of_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with yard_in(tmp_path) as yard:
        yard.house.agent()
        yard.bridge()
        yard.write("letter.txt", "Dear reader of the page")
        code = code.replace("redis://127.0.0.1:6379/0", yard.redis.url)
        made: dict[str, object] = {}
        exec(code.replace("/app/uploads", str(yard.inputs)), made)  # noqa: S102
        made["app"].backend.result_consumer.stop()  # type: ignore[attr-defined]
        made["app"].close()  # type: ignore[attr-defined]

    assert "Dear reader of the page" in capsys.readouterr().out
