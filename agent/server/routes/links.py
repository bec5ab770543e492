"""URLs of ours, as the caller must use them: wherever the app is mounted."""

from starlette.requests import Request

from agent.server.store.jobs import Granted
from agent.wire import routes
from agent.wire.agents import ArtifactsInfo, InputInfo


def link(request: Request, route: str, **names: str) -> str:
    root = str(request.scope.get("root_path", "")).rstrip("/")
    return root + routes.fill(route, **names)


def input_of(request: Request, granted: Granted) -> InputInfo:
    job, spec = granted.job, granted.spec
    is_ours = spec.input_url is None
    own = link(request, routes.INPUT, lease_id=granted.lease.lease_id)
    return InputInfo(
        url=spec.input_url or own,
        size=job.size,
        sha256=spec.sha256,
        etag=f'"{spec.sha256}"' if is_ours else None,
        filename=spec.filename,
        media_type=spec.media_type,
    )


def artifacts_of(request: Request, granted: Granted) -> ArtifactsInfo:
    return ArtifactsInfo(url=link(request, routes.ARTIFACTS, lease_id=granted.lease.lease_id))
