"""What a little more of a limit is worth: the duals of the free-length program in USD and seconds."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleetspec.planner.solver import Answer


@dataclass(frozen=True, slots=True)
class Marginal:
    """What a little more of a limit adds to the goal, in USD or, of the goal ``time``, in seconds: the program's duals.

    None of them is positive. They are rates: the first hour may bring what the second does not.
    """

    second: float
    """Of one more second before the deadline."""
    node: dict[int, float]
    """Of one more node, by pool: of all offers of a spec's pool together, at the first of them."""
    budget: float
    """Of one more USD."""


@dataclass(slots=True)
class LimitRows:
    """Rows of the free-length program in which a limit of the spec stands."""

    deadline: list[int | None] = field(default_factory=list)
    """One for each row of milestones."""
    cap: dict[tuple[int, int], int | None] = field(default_factory=dict)
    shared: dict[tuple[tuple[int, ...], int], int | None] = field(default_factory=dict)
    """By the offers of one pool and the stage."""
    working: dict[int, tuple[int | None, float]] = field(default_factory=dict)
    """By pool: the row Σ H ≤ (T - b) N, and what it is divided by."""
    budget: int | None = None
    dollar: float = 0.0
    """What one USD is on the budget's right side."""

    def marginal(
        self, answer: Answer, unit: float, length: dict[int, int], booted: dict[int, int], worth: float
    ) -> Marginal:
        """The duals by the envelope theorem: a limit that is a factor in a row counts times what it is a factor of."""

        def dual(row: int | None) -> float:
            return 0.0 if row is None else answer.duals[row]

        second = sum(map(dual, self.deadline)) / unit
        for k, (row, scale) in self.working.items():
            second += dual(row) * answer.values[booted[k]] / (unit * scale)
        node = {k: min(answer.reduced[column], 0.0) for k, column in booted.items()}
        for (k, s), row in self.cap.items():
            node[k] = node.get(k, 0.0) + dual(row) * answer.values[length[s]]
        for (members, s), row in self.shared.items():
            node[members[0]] = node.get(members[0], 0.0) + dual(row) * answer.values[length[s]]
        for members in {members for members, _ in self.shared}:
            node[members[0]] = sum(node.pop(k, 0.0) for k in members)
        return Marginal(
            min(second, 0.0) * worth,
            {k: min(value, 0.0) * worth for k, value in node.items()},
            min(dual(self.budget), 0.0) * self.dollar * worth,
        )
