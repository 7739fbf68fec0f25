"""Conditions on the columns of a table: ``index = 'SPX' and not (sector in ('Energy', 'Utilities'))``.

A comparison has a column on its left, ``= != < <= > >=`` or ``in``, and text in quotes or a number on its right;
``and``, ``or``, ``not`` and brackets join them. Text compares as text, so dates compare in order. An empty cell
satisfies no comparison with a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
Cells = Mapping[str, Sequence[str]]
"""Columns of a table as text, all of one length."""

_LONGEST, _DEEPEST = 2_000, 50
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'[^']*'|"[^"]*")
      | (?P<number>[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)(?![\w.])
      | (?P<name>[A-Za-z_]\w*|`[^`]+`)
      | (?P<sign><=|>=|!=|==|=|<|>|\(|\)|,)
    )""",
    re.VERBOSE,
)
_ORDER: dict[str, Callable[[NDArray[np.generic], object], Mask]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,  # type: ignore[operator]
    "<=": lambda a, b: a <= b,  # type: ignore[operator]
    ">": lambda a, b: a > b,  # type: ignore[operator]
    ">=": lambda a, b: a >= b,  # type: ignore[operator]
}
_WORDS = frozenset({"and", "or", "not", "in"})


class ConditionError(ValueError):
    """A condition that cannot be read, or not be held against a table. ``help`` says how to write it."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


class Comparison(Struct, frozen=True):
    """A column against one value, or several for ``in``; all of them text or all of them numbers."""

    column: str
    sign: str
    values: tuple[str, ...] | tuple[float, ...]

    def holds(self, cells: Cells) -> Mask:
        found = cells[self.column]
        if isinstance(self.values[0], str):
            column: NDArray[np.generic] = np.array(found, dtype=np.str_)
        else:
            column = self._numbers(found)
        if self.sign == "in":
            return np.isin(column, np.array(self.values))
        with np.errstate(invalid="ignore"):
            answer = np.asarray(_ORDER[self.sign](column, self.values[0]), dtype=bool)
        return answer & ~np.isnan(column) if column.dtype.kind == "f" else answer

    def _numbers(self, found: Sequence[str]) -> NDArray[np.float64]:
        numbers = np.full(len(found), np.nan)
        for row, text in enumerate(found):
            try:
                numbers[row] = float(text) if text.strip() else np.nan
            except ValueError:
                raise ConditionError(
                    f"'{self.column}' is compared with a number and holds '{text}'",
                    f"compare it with text in quotes: {self.column} = '{text}'",
                ) from None
        return numbers


class Join(Struct, frozen=True):
    """``and`` or ``or`` of several conditions, or ``not`` of one."""

    word: str
    parts: tuple[Comparison | Join, ...]

    def holds(self, cells: Cells) -> Mask:
        answers = [part.holds(cells) for part in self.parts]
        if self.word == "not":
            return ~answers[0]
        joined: Mask = (np.logical_and if self.word == "and" else np.logical_or).reduce(answers)
        return joined


class Condition(Struct, frozen=True):
    """A condition and the columns it looks at."""

    text: str
    root: Comparison | Join

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(_columns(self.root)))

    def holds(self, cells: Cells) -> Mask:
        """(n,) whether it holds in each row. Raises :class:`ConditionError` where a cell should be a number."""
        return self.root.holds(cells)


def _columns(node: Comparison | Join) -> Iterator[str]:
    if isinstance(node, Comparison):
        yield node.column
    else:
        for part in node.parts:
            yield from _columns(part)


def parse(text: str) -> Condition:
    """Read a condition. Raises :class:`ConditionError`."""
    if len(text) > _LONGEST:
        raise ConditionError(
            f"the condition has more than {_LONGEST} characters", "list the members: series: file:members.csv"
        )
    return Condition(text, _Parser(text).whole())


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise self._wrong(text[at:].strip())
            self.tokens.append((str(found.lastgroup), found[found.lastgroup or 0]))
            at = found.end()
        self.at = 0

    def _wrong(self, rest: str) -> ConditionError:
        begin = rest.split()[0] if rest.split() else rest
        if rest[0] in "'\"":
            return ConditionError(f"the quote is not closed: {begin}", "end it with the same quote sign")
        return ConditionError(f"'{begin}' means nothing here", "write it like: index = 'SPX' and price >= 5")

    def whole(self) -> Comparison | Join:
        if not self.tokens:
            raise ConditionError("the condition is empty", "write it like: index = 'SPX'")
        node = self._any(0)
        if self.at < len(self.tokens):
            rest = self.tokens[self.at][1]
            raise ConditionError(f"'{rest}' comes after the end of the condition", "join conditions by and, or")
        return node

    def _any(self, depth: int) -> Comparison | Join:
        parts = [self._all(depth)]
        while self._word("or"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else Join("or", tuple(parts))

    def _all(self, depth: int) -> Comparison | Join:
        parts = [self._one(depth)]
        while self._word("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Join("and", tuple(parts))

    def _one(self, depth: int) -> Comparison | Join:
        if depth > _DEEPEST:
            raise ConditionError(f"more than {_DEEPEST} brackets inside each other", "write it with fewer")
        if self._word("not"):
            return Join("not", (self._one(depth + 1),))
        if self._sign("("):
            node = self._any(depth + 1)
            if not self._sign(")"):
                raise ConditionError("a closing ')' is missing", "close every bracket")
            return node
        return self._comparison()

    def _comparison(self) -> Comparison | Join:
        kind, name = self._next("a column")
        if kind != "name" or name in _WORDS:
            raise ConditionError(
                f"{name} stands where a column is expected", "write the column on the left: index = 'SPX'"
            )
        column = name.strip("`")
        negated = self._word("not")
        if self._word("in"):
            listed = Comparison(column, "in", self._list(column))
            return Join("not", (listed,)) if negated else listed
        kind, sign = self._next("a comparison")
        if negated or kind != "sign" or sign not in _ORDER:
            raise ConditionError(
                f"'{column}' is followed by '{sign}', not by a comparison",
                f"write {column} = 'text', {column} >= 5 or {column} in ('a', 'b')",
            )
        return Comparison(column, sign, (self._value(column),))  # type: ignore[arg-type]

    def _list(self, column: str) -> tuple[str, ...] | tuple[float, ...]:
        how = f"write {column} in ('a', 'b')"
        if not self._sign("("):
            raise ConditionError("in needs a list in brackets", how)
        values = [self._value(column)]
        while self._sign(","):
            values.append(self._value(column))
        if not self._sign(")"):
            raise ConditionError("the list of in is not closed", how)
        if len({type(value) for value in values}) > 1:
            raise ConditionError("the list of in mixes text and numbers", "quote all of them, or none")
        return tuple(values)  # type: ignore[return-value]

    def _value(self, column: str) -> str | float:
        kind, token = self._next("a value")
        if kind == "text":
            return token[1:-1]
        if kind == "number":
            return float(token)
        raise ConditionError(f"'{token}' stands where a value is expected", f"put text in quotes: {column} = '{token}'")

    def _next(self, wanted: str) -> tuple[str, str]:
        if self.at == len(self.tokens):
            raise ConditionError(f"the condition ends where {wanted} is expected", "write it like: index = 'SPX'")
        self.at += 1
        return self.tokens[self.at - 1]

    def _word(self, word: str) -> bool:
        return self._take(("name", word))

    def _sign(self, sign: str) -> bool:
        return self._take(("sign", sign))

    def _take(self, token: tuple[str, str]) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at] == token:
            self.at += 1
            return True
        return False
