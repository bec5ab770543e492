"""Every path of the Job API, in one place for both ends."""

from urllib.parse import quote

PREFIX = "/v1"

AGENTS = f"{PREFIX}/agents"
AGENT = AGENTS + "/{agent_id}"
POLL = AGENT + "/poll"
DIRECTIVE = AGENT + "/directive"

LEASE = f"{PREFIX}/leases" + "/{lease_id}"
RENEW = LEASE + "/renew"
RELEASE = LEASE + "/release"
FAIL = LEASE + "/fail"
COMPLETE = LEASE + "/complete"
INPUT = LEASE + "/input"
ARTIFACTS = LEASE + "/artifacts"
ARTIFACT_UPLOAD = ARTIFACTS + "/{upload_id}"

JOBS = f"{PREFIX}/jobs"
JOB = JOBS + "/{job_id}"
JOB_UPLOAD = JOB + "/upload"
JOB_EVENTS = JOB + "/events"
JOB_ARTIFACT = JOB + "/artifacts/{name:path}"
JOB_CANCEL = JOB + "/cancel"
JOB_RETRY = JOB + "/retry"

TRIAL = f"{PREFIX}/trial"

HEALTH = "/healthz"
METRICS = "/metrics"
OPENAPI = "/openapi.json"


def fill(route: str, **names: str) -> str:
    """The path with its names in place, each quoted so that it stays one segment."""
    plain = route.replace(":path}", "}")
    return plain.format(**{key: quote(value, safe="") for key, value in names.items()})
