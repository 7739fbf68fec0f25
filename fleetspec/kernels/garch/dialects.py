"""The languages that a likelihood is written out in: Python, of numbers or of vectors, and C++ of vectors."""

from __future__ import annotations

import re
from typing import Protocol

from fleetspec.kernels.garch.statements import GROUP

_NAME = re.compile(r"(?<![0-9.])[A-Za-z]")
"""Where a name begins, which the e of a number does not."""


class Dialect(Protocol):
    """How a statement about float64 numbers, or about vectors of lanes, is spelt."""

    log_gamma: str
    digamma: str
    trigamma: str
    log: str
    quick_log: str
    """Of positive, finite numbers."""
    exp: str
    quick_exp: str
    """May be infinite or zero where the other saturates."""
    small_exp: str
    """For arguments that are mostly small, which it has sooner."""
    sqrt: str
    absolute: str
    maximum: str
    minimum: str
    staged: bool
    """Whether a block's logarithms and powers have loops of their own, in which ``i`` is the place in the block."""

    def function(self, name: str, outputs: tuple[str, ...]) -> str: ...
    def declare(self, name: str, value: str) -> str: ...
    def assign(self, name: str, value: str) -> str: ...
    def loops(self, block: int) -> tuple[str, str, str]:
        """Over groups of blocks, over the blocks ``k`` of a group, and over the observations ``t`` of a block."""
        ...

    def over_kept(self, block: int) -> str:
        """Over the blocks ``k`` of a group."""
        ...

    def scratch(self, name: str, rows: int, width: int) -> str: ...
    def slot(self, name: str, row: str, column: int, width: int) -> str: ...
    def end(self) -> str | None: ...
    def finish(self, value: str) -> str: ...
    def select(self, condition: str, yes: str, no: str) -> str: ...
    def parameter(self, index: int) -> str: ...
    def observation(self, ahead: int) -> str: ...
    def constant(self, value: float) -> str: ...
    def folded(self, total: str, product: str) -> tuple[str, ...]:
        """Statements that move what ``product`` has grown by to ``total``."""
        ...

    def closed(self, total: str, product: str) -> str:
        """The sum of logs that was folded into ``total``, and that of ``product``."""
        ...


class Python:
    """One series, numbers; others that are spelt nearly like it build on it."""

    log_gamma, digamma, trigamma = "math.lgamma", "digamma", "trigamma"
    log, quick_log, exp, quick_exp, small_exp, sqrt, absolute, maximum, minimum = (
        "math.log", "math.log", "math.exp", "math.exp", "small_exp", "math.sqrt", "abs", "max", "min",
    )  # fmt: skip
    staged = False

    def function(self, name: str, outputs: tuple[str, ...]) -> str:
        return f"def {name}({', '.join(('x', 'y', 'count', 'presample', *outputs))}):"

    def declare(self, name: str, value: str) -> str:
        return f"{name} = {value}"

    def assign(self, name: str, value: str) -> str:
        return f"{name} = {value}"

    def loops(self, block: int) -> tuple[str, str, str]:
        return (
            f"for begin in range(0, count, {block * GROUP}):",
            self.over_kept(block),
            f"for t in range(begin + {block} * k, min(begin + {block} * k + {block}, count)):",
        )

    def over_kept(self, block: int) -> str:
        return f"for k in range(min({GROUP}, (count - begin + {block - 1}) // {block})):"

    def scratch(self, name: str, rows: int, width: int) -> str:
        return f"{name} = np.empty(({rows}, {width}))"

    def slot(self, name: str, row: str, column: int, width: int) -> str:
        return f"{name}[{row}, {column}]"

    def end(self) -> str | None:
        return None

    def finish(self, value: str) -> str:
        return f"return {value}"

    def select(self, condition: str, yes: str, no: str) -> str:
        return f"({yes} if {condition} else {no})"

    def parameter(self, index: int) -> str:
        return f"x[{index}]"

    def observation(self, ahead: int) -> str:
        return f"y[t + {ahead}]" if ahead else "y[t]"

    def constant(self, value: float) -> str:
        return repr(value)

    def folded(self, total: str, product: str) -> tuple[str, ...]:
        return self.assign(total, f"{total} + {self.log}({product})"), self.assign(product, "1.0")

    def closed(self, total: str, product: str) -> str:
        return f"{total} + {self.log}({product})"


class Vectors(Python):
    """For numba: a name stands for a vector with one series a lane (``lanes``), and ``y`` is (observations, lanes)."""

    log_gamma, digamma, trigamma = "log_gamma", "digamma", "trigamma"
    log, quick_log, exp, quick_exp, small_exp, sqrt, absolute, maximum, minimum = (
        "log", "quick_log", "exp", "exp", "small_exp", "square_root", "absolute", "maximum", "minimum",
    )  # fmt: skip
    staged = True

    def declare(self, name: str, value: str) -> str:
        return self.assign(name, value)

    def assign(self, name: str, value: str) -> str:
        # numba gives a name one type: a number that a vector follows has to be one.
        return f"{name} = {value}" if _NAME.search(value) else f"{name} = lanes({value})"

    def loops(self, block: int) -> tuple[str, str, str]:
        groups, blocks, _ = super().loops(block)
        begin = f"begin + {block} * k"
        return groups, blocks, f"for i, t in enumerate(range({begin}, min({begin} + {block}, count))):"

    def scratch(self, name: str, rows: int, width: int) -> str:
        return f"{name} = scratch({rows * width})"

    def slot(self, name: str, row: str, column: int, width: int) -> str:
        return f"{name}[{row} * {width} + {column}]"

    def select(self, condition: str, yes: str, no: str) -> str:
        return f"select({condition}, {yes}, {no})"

    def folded(self, total: str, product: str) -> tuple[str, ...]:
        return f"{total} = {total} + {self.log}({product})", self.assign(product, "1.0")


class Cpp:
    """For the native engine: ``Lanes`` is a vector with one series a lane, and ``y`` is (observations, lanes)."""

    log_gamma, digamma, trigamma = "log_gamma", "digamma", "trigamma"
    log, quick_log, exp, quick_exp, small_exp, sqrt, absolute, maximum, minimum = (
        "log", "quick_log", "exp", "quick_exp", "small_exp", "sqrt", "absolute", "maximum", "minimum",
    )  # fmt: skip
    staged = True

    def function(self, name: str, outputs: tuple[str, ...]) -> str:
        arrays = "".join(f", Lanes *__restrict {output}" for output in outputs)
        return (
            f"Lanes {name}(const Lanes *__restrict x, const double *__restrict y, int64_t length, "
            f"Lanes presample{arrays}) {{\n    const double count = double(length);"
        )

    def declare(self, name: str, value: str) -> str:
        return f"Lanes {name} = lanes({value});"

    def assign(self, name: str, value: str) -> str:
        return f"{name} = lanes({value});"

    def loops(self, block: int) -> tuple[str, str, str]:
        return (
            f"for (int64_t begin = 0; begin < length; begin += {block * GROUP}) {{",
            self.over_kept(block),
            f"for (int64_t t = begin + {block} * k, end = least(t + {block}, length), i = 0; t < end; ++t, ++i) {{",
        )

    def over_kept(self, block: int) -> str:
        return f"for (int64_t k = 0, most = least({GROUP}, (length - begin + {block - 1}) / {block}); k < most; ++k) {{"

    def scratch(self, name: str, rows: int, width: int) -> str:
        return f"Lanes {name}[{rows * width}];"

    def slot(self, name: str, row: str, column: int, width: int) -> str:
        return f"{name}[{row} * {width} + {column}]"

    def end(self) -> str | None:
        return "}"

    def finish(self, value: str) -> str:
        return f"return {value};"

    def select(self, condition: str, yes: str, no: str) -> str:
        return f"select({condition}, lanes({yes}), lanes({no}))"

    def parameter(self, index: int) -> str:
        return f"x[{index}]"

    def observation(self, ahead: int) -> str:
        return f"load(y, t + {ahead})"

    def constant(self, value: float) -> str:
        return f"lanes({value!r})"

    def folded(self, total: str, product: str) -> tuple[str, ...]:
        return (f"fold({total}, {product});",)

    def closed(self, total: str, product: str) -> str:
        return f"closed({total}, {product})"
