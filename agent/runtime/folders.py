"""What becomes of a job's files once it is known what became of the job."""

import structlog

from agent.model.errors import SpoolError
from agent.ports import JobFolder
from agent.runtime.settlement import Ending

_log = structlog.get_logger(__name__)


async def leave(folder: JobFolder, ending: Ending, *, is_accepted: bool = True) -> None:
    """Remove the files, keep them for a while, or leave them to the next start.

    An offer that was never `is_accepted` has brought nothing worth keeping.
    """
    try:
        match ending:
            case Ending.KEPT | Ending.UNHEARD:
                folder.close()
            case Ending.LOST if is_accepted:
                await folder.keep("the server called the job lost")
            case _:
                await folder.remove()
    except SpoolError as error:
        # What became of the job stands; the next start asks the server about what is left.
        _log.warning("job.folder_left", reason=str(error))
