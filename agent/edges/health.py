"""How the GPUs and the host are doing, as polls and renewals tell it.

What the owner runs beside us is nobody's business: other programs have a size here and no name.
"""

from collections.abc import Collection, Iterator, Mapping

from agent.model.gpu_state import GpuProcess, GpuSight, GpuState, HostState
from agent.model.ids import JsonObject, JsonValue

MOST_PROCESSES = 4
"""Of each GPU: the largest."""
LONGEST_REASON = 200
FOREIGN, OWN = "a foreign program", "the agent"


def gpu_health(sight: GpuSight, own_pids: Collection[int] | None) -> JsonObject:
    """What a card does not tell is left out, and so are processes where `own_pids` is unknown."""
    told: JsonObject = {"gpus": [_gpu(state, own_pids) for state in sight.gpus]}
    if sight.missing:
        told["gpu_trouble"] = [
            {"kind": one.trouble.value, "why": one.why[:LONGEST_REASON]} for one in sight.missing
        ]
    return told


def host_health(host: HostState) -> JsonObject:
    return _known({"on_battery": host.is_on_battery, "battery_percent": host.battery_percent})


def _gpu(state: GpuState, own_pids: Collection[int] | None) -> JsonObject:
    told = _known(
        {
            "index": state.index,
            "memory_used_bytes": state.used,
            "memory_total_bytes": state.memory,
            "utilisation_percent": state.load.compute,
            "encoder_percent": state.load.encoder,
            "decoder_percent": state.load.decoder,
            "temperature_c": state.temperature_c,
            "power_w": _rounded(state.draw.watts),
            "power_limit_w": _rounded(state.draw.limit_watts),
        }
    )
    if state.throttling:
        told["throttling"] = list(state.throttling)
    if state.processes and own_pids is not None:
        told["processes"] = list(_processes(state.processes, own_pids))
    return told


def _processes(processes: Collection[GpuProcess], own_pids: Collection[int]) -> Iterator[JsonValue]:
    largest = sorted(processes, key=lambda one: -(one.memory or 0))
    for one in largest[:MOST_PROCESSES]:
        program = OWN if one.pid in own_pids else FOREIGN
        yield _known({"program": program, "memory_bytes": one.memory})


def _known(values: Mapping[str, JsonValue]) -> JsonObject:
    return {name: value for name, value in values.items() if value is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
