"""What follows for hello and the children from settings and box together."""

import socket
from pathlib import Path

import pytest

from agent.compose.box import keepers_of, missed_gpu, nvml_of, refuse_without_gpu, watch_of
from agent.compose.children import devices_of, names_by_uuid, per_child
from agent.compose.introducing import introduction
from agent.compose.lending import sockets_of
from agent.config import Settings
from agent.edges.nvml import Sight
from agent.model.errors import ConfigError
from agent.model.hardware import Gpu, Hardware
from agent.model.ids import Bytes
from agent.model.work import PipelineSettings
from tests.core.looks import gpu

NO_GPU = Hardware(cpu_cores=2, memory=Bytes(2**33), disk_free=Bytes(0), gpus=(), hostname="box")
NONE = Sight((), "no NVIDIA driver is loaded")
SEEN = Sight((Gpu("RTX", Bytes(2**34), "550"),))


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


@pytest.mark.parametrize(
    ("slots", "gpus", "visible", "devices"),
    [
        (3, 2, None, ("0", "1", "0")),
        (2, 0, None, (None, None)),
        (2, 4, "3", ("3", "3")),
        (3, 4, "2, GPU-7", ("2", "GPU-7", "2")),
        (2, 4, "", (None, None)),
    ],
)
def test_each_child_gets_a_gpu_that_the_owner_lets_us_see(
    slots: int, gpus: int, visible: str | None, devices: tuple[str | None, ...]
) -> None:
    assert devices_of(slots, gpus, visible) == devices


@pytest.mark.parametrize(
    ("devices", "each"), [(("0",), 8.0), (("0", "1"), 8.0), (("0", "1", "0"), 4.0), ((None,), 8.0)]
)
def test_children_on_one_gpu_share_the_owners_limit(
    devices: tuple[str | None, ...], each: float
) -> None:
    settings = PipelineSettings(gpu_memory_limit_gb=8.0)

    assert per_child(settings, devices).gpu_memory_limit_gb == each


def test_without_a_limit_there_is_nothing_to_share() -> None:
    assert per_child(PipelineSettings(), ("0", "0")).gpu_memory_limit_gb is None


def test_where_a_gpu_is_required_nothing_starts_without_one() -> None:
    with pytest.raises(ConfigError) as refusal:
        refuse_without_gpu(Settings(gpu_require=True), Sight((), "no NVIDIA driver is loaded"), {})

    assert str(refusal.value) == (
        "gpu.require is on, and no GPU can be used: no NVIDIA driver is loaded;"
        " mend that, or start with --no-require-gpu"
    )


def test_with_one_or_where_none_is_required_it_starts() -> None:
    one = Sight((Gpu("RTX", Bytes(1), "550"),))

    refuse_without_gpu(Settings(gpu_require=True), one, {})
    refuse_without_gpu(Settings(gpu_require=True), one, {"CUDA_VISIBLE_DEVICES": "0"})
    refuse_without_gpu(Settings(), one, {"CUDA_VISIBLE_DEVICES": ""})
    refuse_without_gpu(Settings(), Sight((), "no NVIDIA driver is loaded"), {})


@pytest.mark.parametrize("none", ["", "-1", " ", "-1,0"])
def test_a_required_gpu_that_the_environment_hides_is_none(none: str) -> None:
    one = Sight((Gpu("RTX", Bytes(1), "550"),))

    with pytest.raises(ConfigError, match="CUDA_VISIBLE_DEVICES names none; mend that"):
        refuse_without_gpu(Settings(gpu_require=True), one, {"CUDA_VISIBLE_DEVICES": none})


@pytest.mark.real_time
async def test_a_gpu_that_is_switched_off_is_not_watched() -> None:
    settings = Settings(gpu=False)

    look = await watch_of(settings, nvml_of(settings)).look()

    assert look.sight.gpus == ()
    assert not look.is_blind
    assert keepers_of(settings).guest.restraints == {}


@pytest.mark.parametrize(
    ("devices", "names"),
    [
        (("0", "1"), {"GPU-aa": "0", "GPU-bb": "1"}),
        (("1", "1"), {"GPU-bb": "1"}),
        (("GPU-b", None), {"GPU-bb": "GPU-b"}),
        ((None,), {}),
    ],
)
def test_a_gpu_is_known_by_its_uuid_however_the_owner_calls_it(
    devices: tuple[str | None, ...], names: dict[str, str]
) -> None:
    gpus = gpu(index=0, uuid="GPU-aa"), gpu(index=1, uuid="GPU-bb")
    assert names_by_uuid(gpus, devices) == names


def test_a_gpu_keeps_its_number_where_another_one_does_not_answer() -> None:
    assert names_by_uuid((gpu(index=1, uuid="GPU-bb"),), ("0", "1")) == {"GPU-bb": "1"}


def test_the_gpu_image_says_when_its_container_has_no_gpu() -> None:
    image = {"MORAG_AGENT_VARIANT": "cuda"}

    missed = missed_gpu(Settings(), NONE, image, "podman")

    assert missed is not None
    assert "podman before 5 ignores --gpus silently" in missed
    assert missed_gpu(Settings(gpu_require=True), NONE, {}, "podman") == missed
    assert missed_gpu(Settings(), SEEN, image, "podman") is None
    assert missed_gpu(Settings(gpu=False), NONE, image, "podman") is None
    assert missed_gpu(Settings(), NONE, {}, "podman") is None


def test_who_may_be_silent_for_minutes_is_asked_after_by_the_kernel(tmp_path: Path) -> None:
    prepare = sockets_of(Settings(spool=tmp_path), are_silent_for_long=True).on_connect
    assert prepare is not None

    with socket.socket() as connection:
        prepare(connection)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_a_link_without_limits_is_left_to_the_kernel(tmp_path: Path) -> None:
    assert sockets_of(Settings(spool=tmp_path)).on_connect is None
