"""Every setting: its name in code, its place in the file, its default, and why it is there."""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from agent.config import amounts, hours, values
from agent.config.defaults import (
    DESKTOP,
    default_agent_id,
    default_serve_data,
    default_spool,
)
from agent.config.key import Key

Capability: TypeAlias = Literal["auto", "gpu", "cpu", "hybrid"]
Engine: TypeAlias = Literal["auto", "openai-whisper", "faster-whisper"]
Device: TypeAlias = Literal["auto", "cuda", "cpu"]
Sandbox: TypeAlias = Literal["require", "auto", "off"]
Yield: TypeAlias = Literal["always", "when_idle", "on_schedule", "never"]
OnBattery: TypeAlias = Literal["stop", "work"]
OnMetered: TypeAlias = Literal["stop", "work"]
Dialect: TypeAlias = Literal["auto", "native", "morag"]
KeyForm: TypeAlias = Literal["bearer", "api-key", "x-api-key"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]
LogFormat: TypeAlias = Literal["auto", "console", "json"]


class Settings(BaseModel):
    """What the agent runs with: complete, checked, and the same until it ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server_url: Annotated[
        values.Url,
        Key(at="server.url", why="Where the jobs come from.", older="SERVER_URL"),
    ] = "http://127.0.0.1:8080"
    token_file: Annotated[
        values.MaybeFile,
        Key(
            at="server.token_file",
            live=True,
            why="Holds the agent's token; readable by you alone (chmod 600).",
            shown="~/.config/morag-agent/token",
        ),
    ] = None
    token: Annotated[
        values.Secret,
        Key(
            at="server.token",
            why="The token itself, from the environment only; a file is safer.",
            older="AUTH_TOKEN",
            is_secret=True,
        ),
    ] = None
    client_token_file: Annotated[
        values.MaybeFile,
        Key(
            at="server.client_token_file",
            why="The token of the people's verbs (submit, jobs); without it they use token_file.",
            shown="~/.config/morag-agent/client-token",
        ),
    ] = None

    server_dialect: Annotated[
        Dialect,
        values.AnyCase,
        Key(
            at="server.dialect",
            flag="--dialect",
            variable="SERVER_DIALECT",
            why="What the server speaks: native, morag (its remote jobs), or auto: it is tried.",
        ),
    ] = "auto"
    server_key_form: Annotated[
        KeyForm,
        values.AnyCase,
        Key(
            at="server.key_form",
            why="How the token is sent: bearer, api-key (both in Authorization), or x-api-key.",
        ),
    ] = "bearer"
    poll_interval_s: Annotated[
        values.Seconds,
        Key(
            at="server.poll_interval_s",
            why="How often an idle agent asks a MoRAG server, which cannot keep a poll waiting.",
        ),
    ] = 4.5
    result_timeout_min: Annotated[
        values.Minutes,
        Key(
            at="server.result_timeout_min",
            why="How long a MoRAG server may ingest one result before it is sent again.",
        ),
    ] = 30

    agent_id: Annotated[
        values.Name,
        Key(
            at="agent.id",
            why="How the server knows this box (its token is for it); by default the host name.",
            older="WORKER_ID",
            shown="attic-3090",
        ),
    ] = Field(default_factory=default_agent_id)
    agent_name: Annotated[
        values.MaybeText,
        Key(
            at="agent.name",
            why="What people read instead of the id.",
            older="WORKER_NAME",
            shown="The box in the attic",
        ),
    ] = None
    capability: Annotated[
        Capability,
        values.AnyCase,
        Key(
            at="agent.capability",
            why="gpu, cpu, hybrid, or auto: gpu where a GPU is seen, else hybrid.",
            older="WORKER_CAPABILITY",
        ),
    ] = "auto"
    content_types: Annotated[
        values.MaybeNames,
        Key(
            at="agent.content_types",
            why="What to take; auto: gpu audio, video, image; cpu document, web, text; hybrid all.",
            shown="auto",
        ),
    ] = None
    queues: Annotated[
        values.Names,
        Key(at="agent.queues", why="The queues to take work from.", older="CELERY_QUEUES"),
    ] = ("gpu_priority", "gpu_fallback")
    slots: Annotated[
        values.Slots,
        Key(
            at="agent.slots",
            why="Jobs computed at once; auto: 1 for each GPU, without one 2 where memory allows.",
            older="MAX_CONCURRENT_TASKS",
            shown="auto",
        ),
    ] = None
    labels: Annotated[
        values.Labels,
        Key(at="agent.labels", why="Free words about this box, shown with the fleet."),
    ] = Field(default_factory=dict)

    spool: Annotated[
        values.Folder,
        Key(
            at="spool.folder",
            why="Inputs and results of held jobs; survives restarts, one agent each.",
            older="TEMP_DIR",
            shown="~/.local/state/morag-agent/spool",
        ),
    ] = Field(default_factory=default_spool)
    spool_reserve: Annotated[
        values.Room,
        Key(at="spool.reserve", live=True, why="Disk space that jobs never take."),
    ] = 10**9
    cleanup_interval_min: Annotated[
        values.Minutes,
        Key(
            at="spool.cleanup_interval_min",
            live=True,
            why="How often leftovers are looked for.",
            older="CLEANUP_INTERVAL_MINUTES",
        ),
    ] = 60
    retention_h: Annotated[
        values.Hours,
        Key(
            at="spool.retention_h",
            live=True,
            why="How long what is left of a lost job stays.",
        ),
    ] = 24

    max_file_size: Annotated[
        values.Size,
        Key(
            at="limits.max_file_size",
            live=True,
            why="Larger inputs are not taken.",
            older="MAX_FILE_SIZE_GB",
            older_unit="GB",
        ),
    ] = 10 * 10**9
    task_timeout_min: Annotated[
        values.Minutes,
        Key(
            at="limits.task_timeout_min",
            live=True,
            why="A job that computes for longer is stopped.",
            older="TASK_TIMEOUT_MINUTES",
        ),
    ] = 120
    download_timeout_min: Annotated[
        values.Minutes,
        Key(
            at="limits.download_timeout_min",
            live=True,
            why="Longest time for one input, pauses included; then the job is handed back.",
        ),
    ] = 720
    soft_stop_min: Annotated[
        values.Minutes,
        Key(
            at="limits.soft_stop_min",
            why="How long before that it is asked to end by itself; a tenth of the time at most.",
            live=True,
        ),
    ] = 5
    stall_limit_s: Annotated[
        values.Seconds,
        Key(at="limits.stall_limit_s", why="A child without a sign of life for that long is dead."),
    ] = 600
    jobs_per_child: Annotated[
        values.Count,
        Key(at="limits.jobs_per_child", why="Jobs before a child is replaced; frees what leaked."),
    ] = 100
    max_consecutive_failures: Annotated[
        values.Count,
        Key(
            at="limits.max_consecutive_failures",
            live=True,
            why="After that many failures in a row, not of the input, the agent pauses itself.",
            older="MAX_CONSECUTIVE_FAILURES",
        ),
    ] = 5
    stop_grace_s: Annotated[
        values.Seconds,
        Key(
            at="limits.stop_grace_s",
            live=True,
            why="Time to finish after SIGTERM; containers give 10 s.",
        ),
    ] = 8
    wedge_s: Annotated[
        values.WedgeSeconds,
        Key(
            at="limits.wedge_s",
            why="A run that stands still for that long ends itself (75), to be started again.",
        ),
    ] = 120
    max_jobs: Annotated[
        values.MaybeCount,
        Key(
            at="limits.max_jobs",
            live=True,
            why="End with exit code 0 after that many jobs.",
            shown="100",
        ),
    ] = None
    exit_when_idle_s: Annotated[
        values.MaybeSeconds,
        Key(
            at="limits.exit_when_idle_s",
            live=True,
            why="End with exit code 0 after that long without a job.",
            flag="--exit-when-idle",
            shown="600",
        ),
    ] = None
    sandbox: Annotated[
        Sandbox,
        Key(
            at="limits.sandbox",
            why="Kernel's walls around what reads a file: require, auto (where it can), off.",
        ),
    ] = "auto"

    compute_hours: Annotated[
        hours.Hours,
        Key(
            at="schedule.compute",
            why="Jobs are taken in these hours only; what is held is finished. Empty: always.",
        ),
    ] = ""
    network_hours: Annotated[
        hours.Hours,
        Key(
            at="schedule.network",
            why="Inputs and results are transferred in these hours only. Empty: always.",
        ),
    ] = ""
    quiet_hours: Annotated[
        hours.Hours,
        Key(
            at="schedule.quiet",
            why="Nothing computes in these hours; a job must be done by then. Empty: none.",
        ),
    ] = ""
    timezone: Annotated[
        hours.Zone,
        Key(at="schedule.timezone", why="Of these hours and of the quotas; empty: this box's own."),
    ] = ""

    max_download: Annotated[
        amounts.Rate,
        Key(
            at="network.max_download",
            why="For all inputs together: bytes (2 MB/s) or bits (16 Mbit/s). Without it no limit.",
            shown="2 MB/s",
        ),
    ] = None
    max_upload: Annotated[
        amounts.Rate,
        Key(at="network.max_upload", why="For all results together.", shown="4 Mbit/s"),
    ] = None
    quota_daily: Annotated[
        amounts.QuotaText,
        Key(
            at="network.quota_daily",
            why='Most bytes of a day, "20 GB" or "15 GB down, 5 GB up"; then no job is taken.',
        ),
    ] = ""
    quota_monthly: Annotated[
        amounts.QuotaText,
        Key(at="network.quota_monthly", why="The same from the first of each month on."),
    ] = ""
    on_metered: Annotated[
        OnMetered,
        Key(
            at="network.on_metered",
            why="stop: transfer nothing while the link is known to cost by the byte; or work.",
        ),
    ] = "stop"

    renew_interval_s: Annotated[
        values.Seconds,
        Key(
            at="intervals.renew_s",
            live=True,
            why="Longest time between two renewals; the server may ask for less.",
            older="HEARTBEAT_INTERVAL_SECONDS",
        ),
    ] = 30
    health_interval_s: Annotated[
        values.Seconds,
        Key(
            at="intervals.health_s",
            live=True,
            why="How old the health may be that polls and renewals report.",
            older="HEALTH_CHECK_INTERVAL_SECONDS",
        ),
    ] = 60

    gpu: Annotated[
        values.Switch,
        Key(at="gpu.enabled", why="Off: compute on the processor only.", older="ENABLE_GPU"),
    ] = True
    gpu_memory_limit_gb: Annotated[
        values.MaybeGigabytes,
        Key(
            at="gpu.memory_limit_gb",
            why="Share of the GPU's memory that jobs may take; without it all.",
            older="GPU_MEMORY_LIMIT_GB",
            shown="8",
        ),
    ] = None
    gpu_video_decoding: Annotated[
        values.Switch,
        Key(
            at="gpu.video_decoding",
            why="Decode video on the GPU where it can.",
            older="ENABLE_GPU_ACCELERATION",
        ),
    ] = True
    gpu_require: Annotated[
        values.Switch,
        Key(
            at="gpu.require",
            why="Do not start without a usable GPU, and take nothing while there is none.",
            flag="--require-gpu",
        ),
    ] = False
    gpu_max_temperature_c: Annotated[
        values.MaybeDegrees,
        Key(
            at="gpu.max_temperature_c",
            why="A hotter GPU rests until it has cooled by 8 degrees; without it no limit.",
            shown="80",
        ),
    ] = None
    gpu_max_power_w: Annotated[
        values.MaybeWatts,
        Key(
            at="gpu.max_power_w",
            why="A GPU that draws more rests for 30 s; nvidia-smi --power-limit is gentler.",
            shown="250",
        ),
    ] = None

    guest_yield: Annotated[
        Yield,
        values.AnyCase,
        Key(
            at="guest.yield",
            why="Step back for others: always, when_idle, on_schedule or never (docs/guest.md).",
            flag="--yield",
        ),
    ] = "always"
    guest_idle_min: Annotated[
        values.Minutes,
        Key(at="guest.idle_min", why="With when_idle: untouched for that long, the box is ours."),
    ] = 3
    guest_memory_gb: Annotated[
        values.Gigabytes,
        Key(
            at="guest.memory_gb",
            why="GPU memory of other programs, above their usual, from which on they count.",
        ),
    ] = 1
    guest_utilisation_percent: Annotated[
        values.Percent,
        Key(
            at="guest.utilisation_percent",
            why="Load of a GPU by other programs from which on they count.",
        ),
    ] = 20
    guest_programs: Annotated[
        values.Patterns,
        Key(at="guest.programs", why="Programs that count wherever they run; * stands for any."),
    ] = ()
    guest_ignore: Annotated[
        values.Patterns,
        Key(
            at="guest.ignore",
            why="Programs that never count; a list of your own replaces this one.",
        ),
    ] = DESKTOP
    guest_quiet_s: Annotated[
        values.Seconds,
        Key(at="guest.quiet_s", why="No other program for that long: back to work."),
    ] = 60
    guest_hand_back_after_s: Annotated[
        values.Seconds,
        Key(
            at="guest.hand_back_after_s",
            why="After that long a job that waits for the GPU goes back to the server.",
        ),
    ] = 60
    guest_on_battery: Annotated[
        OnBattery,
        values.AnyCase,
        Key(at="guest.on_battery", why="A laptop without mains: stop or work."),
    ] = "stop"

    engine: Annotated[
        Engine,
        Key(at="speech.engine", why="auto: faster-whisper where installed, else openai-whisper."),
    ] = "auto"
    device: Annotated[
        Device, Key(at="speech.device", why="auto: cuda where it works, else cpu.")
    ] = "auto"
    whisper_model: Annotated[
        values.Text,
        Key(
            at="speech.model",
            why="A size (tiny.en, large-v3-turbo), a path, or auto: the best that is there.",
            older="WHISPER_MODEL_SIZE",
        ),
    ] = "auto"
    language: Annotated[
        values.MaybeLanguage,
        Key(
            at="speech.language",
            why="Of speech where a job names none, as a code such as de; auto: it is found out.",
            flag="--language",
            shown="auto",
        ),
    ] = None
    threads: Annotated[
        values.Natural,
        Key(at="speech.threads", why="Processor threads of each child; 0: the library chooses."),
    ] = 0
    diarization: Annotated[
        values.Switch,
        Key(
            at="speech.diarization",
            why="Tell who speaks, where a job does not say otherwise and the extra is installed.",
            older="ENABLE_DIARIZATION",
        ),
    ] = True
    topics: Annotated[
        values.Switch,
        Key(
            at="speech.topics",
            why="Cut transcripts into topics, likewise.",
            older="ENABLE_TOPIC_SEGMENTATION",
        ),
    ] = True

    batch_size: Annotated[
        values.MaybeCount,
        Key(
            at="speech.batch_size",
            why="Windows decoded at once; without it as the GPU's memory allows, 1 on a processor.",
            shown="8",
        ),
    ] = None
    pyannote_model: Annotated[
        values.MaybeText,
        Key(
            at="speech.pyannote_model",
            why="A pyannote pipeline (folder or hub name) in place of the built-in diarization.",
            shown="pyannote/speaker-diarization-community-1",
        ),
    ] = None

    models_folder: Annotated[
        values.MaybeFolder,
        Key(
            at="models.folder",
            why="Where models lie and fetched ones go; without it ~/.cache/morag-agent/models.",
            flag="--models-folder",
            shown="~/.cache/morag-agent/models",
        ),
    ] = None
    allow_download: Annotated[
        values.Switch,
        Key(at="models.allow_download", why="Fetch a model that a job needs from its hub."),
    ] = False
    offline: Annotated[
        values.Switch,
        Key(
            at="models.offline",
            why="Never fetch a model, whatever else allows it.",
        ),
    ] = False
    idle_unload_min: Annotated[
        values.Minutes,
        Key(
            at="models.idle_unload_min",
            why="A model that nothing used for that long gives its memory back.",
        ),
    ] = 10

    max_megapixels: Annotated[
        values.Megapixels,
        Key(
            at="image.max_megapixels",
            why="Larger images are refused before they are decoded.",
        ),
    ] = 100
    caption_model: Annotated[
        values.MaybeFolder,
        Key(
            at="image.caption_model",
            why="A folder with an image captioner; without it images get no captions.",
            shown="~/models/blip-image-captioning-base",
        ),
    ] = None
    embedding_model: Annotated[
        values.MaybeFolder,
        Key(
            at="image.embedding_model",
            why="A folder with an image embedder, in place of the one that a package ships.",
            shown="~/models/siglip-base-patch16-224",
        ),
    ] = None

    thumbnail_quality: Annotated[
        values.Quality,
        Key(
            at="video.thumbnail_quality",
            why="JPEG quality of thumbnails, 1 to 100.",
            older="THUMBNAIL_QUALITY",
        ),
    ] = 85

    allow_web_fetch: Annotated[
        values.Switch,
        Key(
            at="web.allow_fetch",
            why="Fetch the page that a job names; off, only saved pages are read.",
            flag="--allow-web-fetch",
        ),
    ] = False
    allow_private_addresses: Annotated[
        values.Switch,
        Key(
            at="web.allow_private_addresses",
            why="… also from your own network: any sender of jobs could read what is in it.",
        ),
    ] = False
    log_level: Annotated[
        LogLevel,
        values.AnyCase,
        Key(at="log.level", live=True, why="debug also shows tracebacks.", older="LOG_LEVEL"),
    ] = "info"
    log_format: Annotated[
        LogFormat, Key(at="log.format", live=True, why="auto: console on a terminal, else json.")
    ] = "auto"
    log_file: Annotated[
        values.MaybeFile,
        Key(
            at="log.file",
            live=True,
            why="JSON lines go here too.",
            older="LOG_FILE",
            shown="~/.local/state/morag-agent/agent.log",
        ),
    ] = None

    watch_port: Annotated[
        values.MaybePort,
        Key(
            at="watch.port",
            why="/metrics (Prometheus) and /healthz there; without it nowhere.",
            shown="9109",
        ),
    ] = None
    watch_host: Annotated[
        values.Text,
        Key(at="watch.host", why="Address of that port; it asks for no token, so keep it here."),
    ] = "127.0.0.1"

    ledger_file: Annotated[
        values.MaybeFile,
        Key(
            at="ledger.file",
            why="What each job has cost; without it beside the spool, named after it.",
            shown="~/.local/state/morag-agent/spool.ledger",
        ),
    ] = None
    ledger_keep_days: Annotated[
        values.Days,
        Key(
            at="ledger.keep_days",
            why="How long each job has a line of its own there; older ones are summed by the day.",
        ),
    ] = 400

    serve_host: Annotated[
        values.Text,
        Key(at="serve.host", why="Address of `serve`; 0.0.0.0 opens it to others.", flag="--host"),
    ] = "127.0.0.1"
    serve_port: Annotated[
        values.Port, Key(at="serve.port", why="Port of `serve`; 0: any free one.", flag="--port")
    ] = 8080
    serve_data: Annotated[
        values.Folder,
        Key(
            at="serve.data",
            why="Jobs, tokens and files of the embedded server.",
            flag="--data",
            shown="~/.local/state/morag-agent/server",
        ),
    ] = Field(default_factory=default_serve_data)
    serve_retention_days: Annotated[
        values.Days,
        Key(
            at="serve.retention_days",
            why="Files of ended jobs are removed after that.",
            flag="--retention-days",
        ),
    ] = 7
    serve_morag: Annotated[
        values.Switch,
        Key(
            at="serve.morag",
            why="MoRAG's own URLs too: remote jobs, and the workers that it has drafted.",
            flag="--morag",
        ),
    ] = False
    serve_input_folders: Annotated[
        values.Folders,
        Key(
            at="serve.input_folders",
            why="With that: jobs may name files in these folders, and no others.",
            flag="--input-folders",
        ),
    ] = ()
    serve_morag_lease_min: Annotated[
        values.MaybeMinutes,
        Key(
            at="serve.morag_lease_min",
            why="With that: how long MoRAG's worker may take; without it as in MoRAG, 15 to 60.",
            flag="--morag-lease-min",
            shown="90",
        ),
    ] = None

    celery_broker_url_file: Annotated[
        values.MaybeFile,
        Key(
            at="celery.broker_url_file",
            why="Holds the URL of Celery's broker, for `celery-bridge`; readable by you alone.",
            shown="~/.config/morag-agent/broker-url",
        ),
    ] = None
    celery_broker_url: Annotated[
        values.SecretUrl,
        Key(
            at="celery.broker_url",
            why="That URL itself, from the environment only; a file is safer.",
            is_secret=True,
        ),
    ] = None
    celery_result_url_file: Annotated[
        values.MaybeFile,
        Key(
            at="celery.result_url_file",
            why="Holds the URL of the result backend; without it a Redis broker is that too.",
            shown="~/.config/morag-agent/result-url",
        ),
    ] = None
    celery_result_url: Annotated[
        values.SecretUrl,
        Key(
            at="celery.result_url",
            why="That URL itself, from the environment only; a file is safer.",
            is_secret=True,
        ),
    ] = None
    celery_input_folders: Annotated[
        values.Folders,
        Key(
            at="celery.input_folders",
            why="Tasks may name files in these folders, and no others.",
        ),
    ] = ()
    celery_tasks: Annotated[
        values.Waits,
        Key(at="celery.tasks", why="Tasks held at once; each waits for its job, in no process."),
    ] = 64
    celery_visibility_s: Annotated[
        values.Seconds,
        Key(
            at="celery.visibility_s",
            why="With Redis: how long after a bridge's sudden end its tasks are taken up again.",
        ),
    ] = 60
