"""Where the owner's wishes are carried out: the `Desk` port."""

from agent.model.control import Answer, AskDrain, AskPause, AskResume, Done, Refused
from agent.model.ids import Seconds
from agent.model.pause import Pause
from agent.model.snapshot import Snapshot
from agent.ports import Clocks
from agent.runtime.agent import Agent
from agent.runtime.owner import Owner
from agent.runtime.status import Status

DRAINED = "drained by its owner"


class OwnersDesk:
    def __init__(self, agent: Agent, owner: Owner, status: Status, clocks: Clocks) -> None:
        self._agent = agent
        self._owner = owner
        self._status = status
        self._clocks = clocks

    def look(self) -> Snapshot:
        return self._status.look()

    async def do(self, request: AskPause | AskResume | AskDrain) -> Answer:
        match request:
            case AskPause():
                return await self._pause(request)
            case AskResume():
                return await self._resume()
            case AskDrain():
                self._agent.on_drain(DRAINED)
                return Done(snapshot=self.look())

    async def _pause(self, ask: AskPause) -> Answer:
        now = self._clocks.reading()
        if ask.until is not None and ask.until <= now.wall:
            return Refused(reason="that moment has passed")
        pause = Pause(
            began=now,
            lasts=None if ask.lasts is None else Seconds(ask.lasts),
            until=ask.until,
            free_gpu=ask.free_gpu,
        )
        trouble = await self._owner.pause(pause)
        caveat = None if trouble is None else f"a restart would forget it: {trouble}"
        return Done(snapshot=self.look(), caveat=caveat)

    async def _resume(self) -> Answer:
        if not self._owner.is_paused:
            return Done(snapshot=self.look(), caveat="there was no pause of yours to end")
        trouble = await self._owner.resume("the owner said so")
        caveat = None if trouble is None else f"a restart would be paused again: {trouble}"
        return Done(snapshot=self.look(), caveat=caveat)
