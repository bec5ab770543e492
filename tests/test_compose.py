import pytest

from agent.compose import introduction
from agent.config import Settings
from agent.model.errors import ConfigError
from agent.model.hardware import Hardware
from agent.model.ids import Bytes

NO_GPU = Hardware(cpu_cores=2, memory=Bytes(2**33), disk_free=Bytes(0), gpus=(), hostname="box")


def test_hello_tells_only_what_the_box_can_compute() -> None:
    settings = Settings(capability="gpu")

    assert introduction(settings, NO_GPU, ("audio", "text")).content_types == ("audio",)


def test_a_box_that_can_compute_nothing_it_is_for_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.pipelines.registry.find_spec", lambda _: None)

    with pytest.raises(ConfigError) as refusal:
        introduction(Settings(content_types=("audio",)), NO_GPU, ())

    assert str(refusal.value) == (
        "this box can compute none of audio: pip install 'morag-agent[fast]'"
    )
