"""The one door to PuLP and HiGHS: linear and mixed-integer programs as columns and rows, and answers to be trusted.

Columns are named x0, x1, … and rows r0, r1, … because PuLP rewrites other names. One thread and limits on nodes,
never on seconds, make the same program give the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import highspy
import pulp

Status = Literal["optimal", "feasible", "infeasible", "failed"]
Terms = Sequence[tuple[int, float]]

NODE_LIMIT = 2000
"""Branch-and-bound nodes of one program; the best answer found by then is taken, with its bound."""
MIP_GAP = 1e-3
_OPTIONS: dict[str, float | int] = {"threads": 1, "random_seed": 0, "mip_rel_gap": MIP_GAP, "mip_max_nodes": NODE_LIMIT}
_NONE = (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible)
"""No cost is negative, so no program is unbounded."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``values`` by column, () where there is none; ``bound`` is proven: no solution is below it.

    Of a program without integers, ``duals`` is by row what one more unit of its right side adds to the objective, and
    ``reduced`` by column what one more unit of the bound that holds it adds.
    """

    status: Status
    objective: float
    bound: float
    values: tuple[float, ...]
    duals: tuple[float, ...] = ()
    reduced: tuple[float, ...] = ()

    @property
    def found(self) -> bool:
        return self.status in ("optimal", "feasible")


class Program:
    """A program to be minimised, built column by column and row by row."""

    def __init__(self) -> None:
        self.problem = pulp.LpProblem("capacity", pulp.LpMinimize)
        self.columns: list[Any] = []
        self.costs: list[tuple[int, float]] = []
        self.integers = False

    def column(self, cost: float = 0.0, high: float | None = None, low: float = 0.0, integer: bool = False) -> int:
        """A variable between ``low`` and ``high``; returns its index."""
        kind = pulp.LpInteger if integer else pulp.LpContinuous
        name = f"x{len(self.columns)}"
        # PuLP 4 makes variables through the problem, PuLP 3 on their own.
        make = getattr(self.problem, "add_variable", None) or pulp.LpVariable
        self.columns.append(make(name, low, high, kind))
        if cost:
            self.costs.append((len(self.columns) - 1, cost))
        self.integers |= integer
        return len(self.columns) - 1

    def at_most(self, terms: Terms, right: float) -> int | None:
        """Add a row; returns its index, None where it has no terms and always holds."""
        return self._row(terms, pulp.LpConstraintLE, right)

    def equals(self, terms: Terms, right: float) -> int | None:
        """Add a row; returns its index, None where it has no terms and always holds."""
        return self._row(terms, pulp.LpConstraintEQ, right)

    def _row(self, terms: Terms, sense: int, right: float) -> int | None:
        if not terms:
            if right < 0 or (sense == pulp.LpConstraintEQ and right != 0):
                # An empty row that cannot hold: PuLP would drop it, and with it the reason why there is no answer.
                terms = [(self.column(high=0.0), 1.0)]
            else:
                return None
        expression = pulp.LpAffineExpression([(self.columns[index], factor) for index, factor in terms])
        index: int = self.problem.numConstraints()
        self.problem += pulp.LpConstraint(expression, sense, f"r{index}", right)
        return index

    def _run(self, options: Mapping[str, float | int]) -> Any:
        """HiGHS when it is done."""
        self.problem.setObjective(pulp.LpAffineExpression([(self.columns[i], cost) for i, cost in self.costs]))
        self.problem.solve(_Quiet(options))
        return self.problem.solverModel

    def least(self, nodes: int) -> float:
        """What no solution of a program with integers and no cost below zero is below, proven within so many nodes of
        branch and bound; inf where there is none. Nothing is done to find a solution."""
        highs = self._run(_OPTIONS | {"mip_max_nodes": nodes, "mip_heuristic_effort": 0.0})
        if highs.getModelStatus() in _NONE:
            return float("inf")
        # Cut short before the first program is solved, it has proven -inf.
        return max(float(highs.getInfo().mip_dual_bound), 0.0)

    def solve(self) -> Answer:
        """Minimise. The status is read from HiGHS itself: PuLP calls an answer cut short optimal."""
        if not self.columns:
            return Answer("optimal", 0.0, 0.0, ())
        highs = self._run(_OPTIONS)
        status, info = highs.getModelStatus(), highs.getInfo()
        has_answer = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        if status == highspy.HighsModelStatus.kOptimal:
            verdict: Status = "optimal"
        elif status in _NONE:
            verdict = "infeasible"
        elif has_answer and self.integers:
            verdict = "feasible"
        else:
            verdict = "failed"
        if verdict in ("infeasible", "failed"):
            return Answer(verdict, float("inf"), float("inf"), ())
        solution = highs.getSolution()
        found, objective = solution.col_value, float(highs.getObjectiveValue())
        values = tuple(float(found[column.index]) for column in self.columns)
        if self.integers:
            return Answer(verdict, objective, float(info.mip_dual_bound), values)
        reduced = solution.col_dual
        return Answer(
            verdict,
            objective,
            objective,
            values,
            tuple(map(float, solution.row_dual)),
            tuple(float(reduced[column.index]) for column in self.columns),
        )


class _Silent(highspy.Highs):  # type: ignore[misc]
    """HiGHS that says nothing: it writes its version to stdout as it is made, before an option can be set."""

    def enableCallbacks(self) -> Any:  # noqa: N802
        self.setOptionValue("output_flag", False)
        return super().enableCallbacks()


class _Quiet(pulp.HiGHS):  # type: ignore[misc]
    """HiGHS in memory, deterministic. PuLP's own reading of the result has no name for a node limit and fails on it."""

    def __init__(self, options: Mapping[str, float | int]) -> None:
        super().__init__(msg=False)
        self.given = options

    def createAndConfigureSolver(self, lp: Any) -> None:  # noqa: N802
        lp.solverModel = _Silent()
        for option, value in self.given.items():
            lp.solverModel.setOptionValue(option, value)

    def findSolutionValues(self, lp: Any) -> tuple[int, int]:  # noqa: N802
        return pulp.LpStatusNotSolved, pulp.LpSolutionNoSolutionFound


def identity() -> str:
    """Versions of what solves: a plan's bytes may change with them."""
    return f"PuLP {version('pulp')}, HiGHS {version('highspy')}"
