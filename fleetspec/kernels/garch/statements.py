"""Statements of a likelihood in one dialect, and the names of its parameters: what the other writers build on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fleetspec.kernels.garch.dialects import Dialect
    from fleetspec.kernels.garch.types import Specification

Mode = Literal["value", "score", "check"]
SMALLEST_SQUARE = 1e-24
THINNED = 8
"""Of how many observations one counts in the information matrix, which is but the curvature of the first steps. After
as many, products become logs."""
GROUP = 8
"""After how many of those the information is summed."""


@dataclass
class Statements:
    """A function as it grows, a line at a time. ``mode`` is what it is to give: see ``writing.written``."""

    spec: Specification
    dialect: Dialect
    mode: Mode
    lines: list[str] = field(default_factory=list)
    depth: int = 0
    declared: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        spec = self.spec
        self.means = [f"m{k}" for k in range(len(spec.mean_names))]
        self.alphas = [f"a{i}" for i in range(spec.p)]
        self.gammas = [f"c{i}" for i in range(spec.o)]
        self.betas = [f"b{j}" for j in range(spec.q)]
        self.moving = [*self.means, "w", *self.alphas, *self.gammas, *self.betas]
        self.shapes = {"normal": [], "t": ["eta"], "skewt": ["eta", "lam"], "ged": ["nu"]}[spec.distribution]
        self.log_scale = spec.process == "egarch"
        self.level = spec.process == "tgarch"
        self.scored = self.mode == "score"
        self.depths = max(spec.p, spec.o, spec.q) if self.log_scale else spec.q
        self.tailed = spec.distribution in ("t", "skewt")
        self.crossed = spec.distribution != "normal"
        self.joined = self.tailed and not self.log_scale
        """Whether variance and tail share one division: see ``densities``."""
        self.size = f"{self.dialect.maximum}(u, {self.dialect.constant(SMALLEST_SQUARE)})"
        self.slope = "e * r" if spec.process in ("garch", "gjr") else "z * rs"
        self.staged = self._staged()
        self.summed = self.mode != "check"
        """Whether the loop sums log variances."""

    def _staged(self) -> dict[str, str]:
        """What a block keeps of each observation for the loops that follow its recursion, where it has some."""
        if not self.dialect.staged or self.spec.distribution != "ged" or self.mode == "check":
            return {}
        kept = {"size": self.size, "lz": ""}
        if self.scored:
            kept |= {f"d{n}": f"d{n}" for n in self.moving}
            kept |= {"slope": self.slope} if self.means else {}
        return kept

    # One statement at a time.

    def put(self, name: str, value: str) -> None:
        """Sets a name, declaring it where it is new."""
        known = name in self.declared or "[" in name
        self.lines.append("    " * self.depth + (self.dialect.assign if known else self.dialect.declare)(name, value))
        if "[" not in name:
            self.declared.add(name)

    def add(self, name: str, value: str) -> None:
        self.put(name, f"{name} + {value}")

    def open(self, line: str) -> None:
        self.lines.append("    " * self.depth + line)
        self.depth += 1

    def close(self) -> None:
        self.depth -= 1
        end = self.dialect.end()
        if end is not None:
            self.lines.append("    " * self.depth + end)

    def pairs(self) -> list[tuple[str, str]]:
        """The accumulated part of the information's lower triangle."""
        n = self.moving
        found = [(n[i], n[j]) for i in range(len(n)) for j in range(i + 1)]
        if self.spec.distribution == "skewt":
            found += [("lam", m) for m in [*self.means, "lam"]]
        return found

    def regressor(self, k: str) -> str:
        return "" if k == "m0" else f" * x{k[1:]}"
