"""The settings while the agent runs: some follow the file, the others wait for a restart."""

from collections.abc import Callable, Iterable

from agent.config.loading import Loaded
from agent.config.settings import Settings
from agent.config.table import rows
from agent.model.errors import ConfigError
from agent.model.reread import Reread
from agent.model.snapshot import Unsettled


class LiveSettings:
    """What is in force. Whoever built something from a live setting is told when it changes."""

    def __init__(self, loaded: Loaded, read: Callable[[], Loaded]) -> None:
        """`read` looks at file, environment and flags again. Raises `ConfigError`."""
        self._current = loaded.settings
        self._read = read
        self._appliers: list[Callable[[Settings], None]] = []
        self.file = loaded.file
        self.unsettled = Unsettled()

    @property
    def current(self) -> Settings:
        return self._current

    def on_change(self, apply: Callable[[Settings], None]) -> None:
        """`apply` may raise `ConfigError`: then it leaves everything as it was."""
        self._appliers.append(apply)

    def reread(self) -> Reread:
        """Take over what may change now, and say what may not."""
        before, known = self._current, self.unsettled.need_restart
        try:
            loaded = self._read()
            self._adopt(with_live_ones(before, loaded.settings))
        except ConfigError as error:
            self.unsettled = Unsettled(need_restart=known, problem=str(error))
            return Reread(need_restart=known, problem=str(error))
        self.file = loaded.file
        waiting = places(changed(self._current, loaded.settings))
        self.unsettled = Unsettled(need_restart=waiting)
        return Reread(applied=places(changed(before, self._current)), need_restart=waiting)

    def _adopt(self, settings: Settings) -> None:
        for apply in self._appliers:
            apply(settings)
        self._current = settings


def changed(old: Settings, new: Settings) -> tuple[str, ...]:
    """The names of what differs, in the order of the file."""
    return tuple(name for name in rows() if getattr(old, name) != getattr(new, name))


def with_live_ones(old: Settings, new: Settings) -> Settings:
    """`old` with what may change while the agent runs taken from `new`."""
    live = {name: getattr(new, name) for name, row in rows().items() if row.key.live}
    return old.model_copy(update=live)


def places(names: Iterable[str]) -> tuple[str, ...]:
    """As people know the settings: section and key."""
    return tuple(rows()[name].key.at for name in names)
