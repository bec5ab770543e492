"""What a child process gets to see of our environment: what it needs, and nothing secret."""

from collections.abc import Mapping

from agent.model.work import PipelineSettings

_PASSED_ON = {
    *("PATH", "HOME", "USER", "LANG", "LANGUAGE", "TZ", "TMPDIR", "XDG_CACHE_HOME"),
    *("LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"),
}
_PASSED_ON_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "HF_", "OMP_", "MKL_", "TORCH_", "CT2_")
_SECRETS = ("TOKEN", "SECRET", "PASSWORD", "KEY", "CREDENTIAL")
_NO_TELEMETRY = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
}
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
"""What the libraries obey that would fetch a model on their own."""
_FOR_DOWNLOADS = {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"}


def child_environment(
    environ: Mapping[str, str], settings: PipelineSettings, device: str | None = None
) -> dict[str, str]:
    """What a child gets to see of `environ`: what it needs, and nothing that is secret."""
    may_download = settings.allow_download and not settings.offline
    wanted = _PASSED_ON | (_FOR_DOWNLOADS if may_download else set())
    kept = {
        name: value
        for name, value in environ.items()
        if (name in wanted or name.startswith(_PASSED_ON_PREFIXES))
        and not any(word in name.upper() for word in _SECRETS)
    }
    # Threads that wait for work must sleep: on a shared machine, spinning ones double the time.
    kept |= {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONFAULTHANDLER": "1"}
    kept |= _NO_TELEMETRY
    kept |= {} if may_download else _OFFLINE
    kept |= {"OMP_NUM_THREADS": str(settings.threads)} if settings.threads else {}
    if device is None:
        return kept
    # The numbers of the GPUs are the driver's; by default CUDA counts the fastest first.
    return kept | {"CUDA_VISIBLE_DEVICES": device, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
