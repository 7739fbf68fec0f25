"""What packages add by one entry-point line: features, metrics and targets, by name.

A value is loaded when it is first asked for, and entry points are looked for only where a name is not one of the
shipped. Families have a registry of their own (:mod:`fleetspec.families`), policies another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Named(Protocol):
    """What can be plugged in: it has a name, and a version that changes whenever results may."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...


T = TypeVar("T", bound=Named)


class PluginError(Exception):
    """A plug-in that is there and cannot be used: whose fault that is, and why."""


class Plugged(Mapping[str, T], Generic[T]):
    """Values of one kind by name: the shipped ones, then those of the entry-point ``group``.

    An entry point has the name of its value and leads to it, or to a module that has it as ``attribute``. Asking for
    one raises :class:`PluginError` where it cannot be loaded, is of another kind, calls itself otherwise, or where two
    have one name: a spec could not say which it means.
    """

    def __init__(self, group: str, attribute: str, kind: type[T], shipped: Mapping[str, T] | None = None) -> None:
        self.group, self._attribute, self._kind = group, attribute, kind
        self.shipped: Mapping[str, T] = dict(shipped or {})
        self._loaded: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        if name in self.shipped:
            return self.shipped[name]
        if name not in self._loaded:
            self._loaded[name] = self._load(self._plug_ins()[name])
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self.shipped or name in self._plug_ins()

    def __iter__(self) -> Iterator[str]:
        return iter([*self.shipped, *sorted(self._plug_ins())])

    def __len__(self) -> int:
        return len(self.shipped) + len(self._plug_ins())

    def _plug_ins(self) -> dict[str, EntryPoint]:
        # Asked anew each time: it is a rare question, and tests install for one of theirs alone.
        from importlib.metadata import entry_points

        found: dict[str, EntryPoint] = {}
        for entry in entry_points(group=self.group):
            if entry.name in self.shipped:
                raise PluginError(f"'{entry.name}' is shipped, and {entry.value} has that name too")
            if entry.name in found and found[entry.name].value != entry.value:
                raise PluginError(f"'{entry.name}' is defined twice: in {found[entry.name].value} and in {entry.value}")
            found[entry.name] = entry
        return found

    def _load(self, entry: EntryPoint) -> T:
        try:
            loaded = entry.load()
        except Exception as error:
            # Another's module: it may raise anything while it is imported.
            raise PluginError(f"{entry.value} cannot be loaded: {type(error).__name__}: {error}") from error
        value = getattr(loaded, self._attribute, loaded)
        if not isinstance(value, self._kind):
            raise PluginError(f"{entry.value} exposes no {self._attribute} of fleetspec's {self._kind.__name__}")
        if value.name != entry.name:
            raise PluginError(f"{entry.value} is installed as '{entry.name}' and calls itself '{value.name}'")
        return value
