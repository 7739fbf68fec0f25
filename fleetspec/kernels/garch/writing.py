"""Writes the likelihood of a specification as straight code, in either dialect.

One text is the source of both engines: the Gaussian-to-skew-t likelihoods, their forward derivatives and their
information matrices. Straight code with every lag and every derivative a local name is what compilers turn into
registers; a loop over orders is not.

Inside, rows are centred with unit mean square; degrees of freedom are inverses; log products stand for sums of logs.
With s_n the derivative of the variance recursion and d_n that of the log variance by parameter n, the score is
sum(dl/dlogh d_n), and the information sum(kappa d_n d_m) with kappa = E[(dl/dlogh)^2]: scoring steps then need no
second derivatives (Fiorentini, Calzolari and Panattoni 1996).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fleetspec.kernels.garch.densities import Densities
from fleetspec.kernels.garch.statements import GROUP, THINNED

if TYPE_CHECKING:
    from fleetspec.kernels.garch.dialects import Dialect
    from fleetspec.kernels.garch.statements import Mode
    from fleetspec.kernels.garch.types import Specification

NORMAL_MEAN_ABSOLUTE = math.sqrt(2.0 / math.pi)
EWMA = 0.94
BOUND_RATIO = 1e6


def written(specification: Specification, dialect: Dialect, mode: Mode, name: str) -> str:
    """The source of one function.

    ``value`` and ``score`` return the negative log-likelihood of the row inside; ``score`` also fills its gradient
    ``g`` (k,) and the lower triangle of the information ``F``, row by row. ``check`` returns by how much a tiny change
    of the presample log variance has grown at the end, in logs, and fills ``margin`` (1,): how far inside arch's
    moving bounds the variances stay, below 1 where they run into one. Its input ``limits`` (3,) holds the initial
    average of squares, the floor of the lower and of the upper bound.
    """
    return _Writer(specification, dialect, mode).function(name)


class _Writer(Densities):
    """The whole function: presample, the loop over observations, the result."""

    def function(self, name: str) -> str:
        outputs = {"value": (), "score": ("g", "F"), "check": ("limits", "margin")}[self.mode]
        self.open(self.dialect.function(name, outputs))
        for index, parameter in enumerate([*self.moving, *self.shapes]):
            self.put(parameter, self.dialect.parameter(index))
        if self.mode != "check":
            self.constants()
        self.before_the_sample()
        self.loop()
        self.result()
        self.close()
        return "\n".join(self.lines) + "\n"

    def loop(self) -> None:
        """Over observations; names that it declares end with it."""
        if self.scored:
            for n in self.moving:
                self.put(f"d{n}", "0.0")
            self.lines.append("    " * self.depth + self.dialect.scratch("kept", GROUP, len(self.moving)))
        outside = set(self.declared)
        groups, blocks, within = self.dialect.loops(THINNED)
        self.open(groups)
        self.open(blocks)
        if self.staged:
            self.lines.append("    " * self.depth + self.dialect.scratch("block", THINNED, len(self.staged)))
        before = set(self.declared)
        self.open(within)
        self.residual()
        if self.log_scale:
            self.log_variance()
        else:
            self.variance()
        if self.staged:
            self.shift()
            self.stages(within, before)
        if self.mode == "check":
            self.bounds()
        else:
            getattr(self, self.spec.distribution)()
            self.accumulate()
        if not self.staged:
            self.shift()
        self.close()
        if self.scored:
            for index, n in enumerate(self.moving):
                self.put(self.dialect.slot("kept", "k", index, len(self.moving)), f"d{n}")
        self.fold()
        self.close()
        if self.scored:
            self.inform()
        self.close()
        self.declared = outside

    # Before the loop.

    def before_the_sample(self) -> None:
        follows = self.spec.presample == "sample" and bool(self.means)
        self.put("pre", "presample + m0 * m0" if follows else "presample")
        slope = {"m0": "2.0 * m0"} if follows else {}
        for j in range(self.depths):
            self.put(f"H{j}", "pre")
            if self.scored:
                for n in self.moving:
                    self.put(f"D{j}{n}", slope.get(n, "0.0"))
            elif self.mode == "check" and self.log_scale:
                self.put(f"P{j}", "1.0")
        if self.log_scale:
            for i in range(max(self.spec.p, self.spec.o)):
                # arch knows no innovation before the sample: neither its size nor its expected size counts.
                for state in ("Z", "A", "Q"):
                    self.put(f"{state}{i}", "0.0")
                if self.scored:
                    for k in self.means:
                        self.put(f"R{i}{k}", "0.0")
        else:
            for i in range(self.spec.p):
                self.put(f"E{i}", "pre")
            for i in range(self.spec.o):
                self.put(f"N{i}", "0.5 * pre")
            if self.scored:
                for k in self.means:
                    for i in range(self.spec.p):
                        self.put(f"E{i}{k}", slope.get(k, "0.0"))
                    for i in range(self.spec.o):
                        self.put(f"N{i}{k}", f"0.5 * ({slope.get(k, '0.0')})")
        if self.mode == "check":
            self.put("average", "limits[0]")
            self.put("inside", "1e300")
            self.put("growth", "0.0")
            return
        for name in ("logs", "squares", "tails"):
            self.put(name, "0.0")
        for name in ("product", "tail"):
            self.put(name, "1.0")
        if self.scored:
            for n in [*self.moving, *self.shapes]:
                self.put(f"G{n}", "0.0")
            for n, m in self.pairs():
                self.put(f"F{n}{m}", "0.0")
            for row in range(len(self.means)):
                for column in range(row + 1):
                    self.put(f"M{row}{column}", "0.0")
            if self.crossed:
                for n in self.moving:
                    self.put(f"S{n}", "0.0")

    # In the loop.

    def residual(self) -> None:
        lags = self.spec.lags
        expected = ["m0"] if self.means else []
        for k in range(1, lags + 1):
            self.put(f"x{k}", self.dialect.observation(lags - k))
            expected.append(f"m{k} * x{k}")
        self.put("e", " - ".join([self.dialect.observation(lags), *expected]))

    def recursion(self, bases: dict[str, str]) -> str:
        return " + ".join(["w", *(f"{coefficient} * {base}" for coefficient, base in bases.items())])

    def variance(self) -> None:
        bases = {a: f"E{i}" for i, a in enumerate(self.alphas)}
        bases |= {c: f"N{i}" for i, c in enumerate(self.gammas)}
        bases |= {b: f"H{j}" for j, b in enumerate(self.betas)}
        self.put("h", self.recursion(bases))
        if self.scored:
            for n in self.moving:
                if n in self.means:
                    terms = [f"{a} * E{i}{n}" for i, a in enumerate(self.alphas)]
                    terms += [f"{c} * N{i}{n}" for i, c in enumerate(self.gammas)]
                else:
                    terms = ["1.0" if n == "w" else bases[n]]
                terms += [f"{b} * D{j}{n}" for j, b in enumerate(self.betas)]
                self.put(f"s{n}", " + ".join(terms))
        if not self.level or self.joined:
            self.put("e2", "e * e")
        if self.joined and self.mode != "check":
            self.joint_division()
        else:
            self.put("r", "1.0 / h")
        if self.scored:
            if self.level:
                self.put("r2", "r + r")
            for n in self.moving:
                self.put(f"d{n}", f"s{n} * {'r2' if self.level else 'r'}")
        if not self.joined:
            if self.level:
                self.put("rs", "r")
                self.put("z", "e * r")
                self.put("u", "z * z")
            else:
                self.put("u", "e2 * r")
        if self.summed:
            self.put("product", "product * h")

    def log_variance(self) -> None:
        spec, d = self.spec, self.dialect
        bases = {a: f"A{i}" for i, a in enumerate(self.alphas)}
        bases |= {c: f"Z{i}" for i, c in enumerate(self.gammas)}
        bases |= {b: f"H{j}" for j, b in enumerate(self.betas)}
        # The deviation in two factors: of what is known before the last innovation, and of that innovation. The first
        # exponential is then not waited for, and the second mostly has a small argument.
        last = {c: base for c, base in bases.items() if c in ("a0", "c0")}
        self.put("news", " + ".join(f"{c} * {bases.pop(c)}" for c in last))
        self.put("base", self.recursion(bases))
        self.put("h", "base + news")
        bases |= last
        if self.mode != "value":
            for j in range(self.depths):
                terms = [self.betas[j]] if j < spec.q else ["0.0"]
                if j < max(spec.p, spec.o):
                    pull = [f"a{j} * Q{j}"] if j < spec.p else []
                    pull += [f"c{j} * Z{j}"] if j < spec.o else []
                    terms.append(f"0.5 * ({' + '.join(pull)})")
                self.put(f"k{j}", " - ".join(terms))
        if self.scored:
            for i in range(max(spec.p, spec.o) if self.means else 0):
                signed = [d.select(f"Z{i} < 0.0", f"0.0 - a{i}", f"a{i}")] if i < spec.p else []
                self.put(f"t{i}", " + ".join([*signed, *([f"c{i}"] if i < spec.o else [])]))
            for n in self.moving:
                base = "0.0" if n in self.means else "1.0" if n == "w" else bases[n]
                direct = [f"t{i} * R{i}{n}" for i in range(max(spec.p, spec.o))] if n in self.means else []
                carried = "".join(f" + k{j} * D{j}{n}" for j in range(self.depths))
                self.put(f"d{n}", base + carried + "".join(f" - {term}" for term in direct))
        elif self.mode == "check":
            self.put("pulse", " + ".join(f"k{j} * P{j}" for j in range(self.depths)))
        self.put("far", f"{d.exp}(-0.5 * base)")
        self.put("near", f"{d.small_exp}(-0.5 * news)")
        self.put("z", "e * far * near")
        if self.scored:
            self.put("rs", "far * near")
        self.put("u", "z * z")
        if self.summed:
            self.add("logs", "h")

    def bounds(self) -> None:
        """How far the variance is inside arch's moving bounds, as ratios."""
        d = self.dialect
        deviation = {"egarch": f"{d.exp}(h)", "tgarch": "h * h"}.get(self.spec.process, "h")
        self.put("v", deviation)
        low = f"{d.maximum}(average / {BOUND_RATIO!r}, limits[1])"
        high = f"{d.minimum}({d.maximum}(average * {BOUND_RATIO!r}, limits[2]), 1e7 * limits[2])"
        self.put("inside", f"{d.minimum}(inside, {d.minimum}(v / {low}, {high} / v))")
        # The average is of residuals of the least-squares mean, which rows without lags are centred on.
        self.put("average", f"{EWMA!r} * average + {1.0 - EWMA!r} * ({self.starting_residual()})")

    def starting_residual(self) -> str:
        if not self.spec.lags:
            y = self.dialect.observation(0)
            return f"{y} * {y}"
        terms = ["limits[3]", *(f"limits[{3 + k}] * x{k}" for k in range(1, self.spec.lags + 1))]
        self.put("eo", " - ".join([self.dialect.observation(self.spec.lags), *terms]))
        return "eo * eo"

    def accumulate(self) -> None:
        if not self.scored:
            return
        for n in self.moving:
            self.put(f"g{n}", f"sc * d{n}" + (f" - le{self.regressor(n)}" if n in self.means else ""))
            self.add(f"G{n}", f"g{n}")
        for n, m in self.pairs():
            if n == "lam":
                product = f"d{n} * d{m}" if m == "lam" else f"d{n} * le{self.regressor(m)}"
                self.put(f"F{n}{m}", f"F{n}{m} {'+' if m == 'lam' else '-'} {product}")
        for shape in self.shapes:
            if shape != "eta":
                self.add(f"G{shape}", f"d{shape}")
        for row, regressor in enumerate(self.means):
            for column in range(row + 1):
                self.add(f"M{row}{column}", "le * le" + self.regressor(regressor) + self.regressor(f"m{column}"))

    def inform(self) -> None:
        """Adds a group of kept derivatives to the information: an average over states that change slowly, which some of
        them tell. Apart from the recursion, sums and states each have the registers to themselves."""
        self.open(self.dialect.over_kept(THINNED))
        for index, n in enumerate(self.moving):
            self.put(f"d{n}", self.dialect.slot("kept", "k", index, len(self.moving)))
        for n, m in self.pairs():
            if n != "lam":
                self.add(f"F{n}{m}", f"d{n} * d{m}")
        if self.crossed:
            for n in self.moving:
                self.add(f"S{n}", f"d{n}")
        self.close()

    def shift(self) -> None:
        spec, d = self.spec, self.dialect
        changing = [f"D{{}}{n}" for n in self.moving] if self.scored else []
        if self.mode == "check" and self.log_scale:
            changing.append("P{}")
        for j in reversed(range(1, self.depths)):
            for state in ["H{}", *changing]:
                self.put(state.format(j), state.format(j - 1))
        if self.log_scale:
            self.shift_innovations()
        else:
            for i in reversed(range(1, spec.p)):
                self.put(f"E{i}", f"E{i - 1}")
                for k in self.means if self.scored else []:
                    self.put(f"E{i}{k}", f"E{i - 1}{k}")
            for i in reversed(range(1, spec.o)):
                self.put(f"N{i}", f"N{i - 1}")
                for k in self.means if self.scored else []:
                    self.put(f"N{i}{k}", f"N{i - 1}{k}")
            size = f"{d.absolute}(e)" if self.level else "e2"
            slope = d.select("e < 0.0", "1.0", "-1.0") if self.level else "-2.0 * e"
            self.put("size_now", size)
            if self.scored and self.means:
                self.put("slope_now", slope)
            if spec.p:
                self.put("E0", "size_now")
            if spec.o:
                self.put("N0", d.select("e < 0.0", "size_now", "0.0"))
            for k in self.means if self.scored else []:
                if spec.p:
                    self.put(f"E0{k}", f"slope_now{self.regressor(k)}")
                if spec.o:
                    self.put(f"N0{k}", d.select("e < 0.0", f"slope_now{self.regressor(k)}", "0.0"))
        if self.depths:
            self.put("H0", "h")
            if self.scored:
                for n in self.moving:
                    self.put(f"D0{n}", f"d{n}" if self.log_scale else f"s{n}")
            elif self.mode == "check" and self.log_scale:
                self.put("P0", "pulse")

    def shift_innovations(self) -> None:
        kept = ["Z{}", "A{}", *(["Q{}"] if self.mode != "value" else [])]
        kept += [f"R{{}}{k}" for k in self.means] if self.scored else []
        for i in reversed(range(1, max(self.spec.p, self.spec.o))):
            for state in kept:
                self.put(state.format(i), state.format(i - 1))
        self.put("Z0", "z")
        self.put("q0", f"{self.dialect.absolute}(z)")
        self.put("A0", f"q0 - {NORMAL_MEAN_ABSOLUTE!r}")
        if self.mode != "value":
            self.put("Q0", "q0")
        for k in self.means if self.scored else []:
            self.put(f"R0{k}", f"rs{self.regressor(k)}")

    # After the loop.

    def result(self) -> None:
        d = self.dialect
        if self.mode == "check":
            if self.log_scale:
                self.fold_growth()
            self.put("margin[0]", "inside")
            self.lines.append("    " * self.depth + d.finish("growth"))
            return
        self.close_products()
        logs = "logs" if self.level else "0.5 * logs"
        if self.spec.distribution == "normal":
            self.put("total", f"0.5 * (count * {math.log(2.0 * math.pi)!r} + squares) + {logs}")
        elif self.spec.distribution == "ged":
            self.put("total", f"{logs} + 0.5 * squares - count * c")
        else:
            constant = "c" if self.spec.distribution == "t" else f"(c + {d.log}(sb))"
            # Where the division is joint, tails sum the logs of m + z^2 and of the variance together.
            less = ("2.0 * logs" if self.level else "logs") if self.joined else "0.0"
            self.put("excess", f"tails - {less} - count * {d.log}(m)")
            self.put("total", f"{logs} + 0.5 * up * excess - count * {constant}")
        if self.scored:
            self.gradient()
            self.information()
        self.lines.append("    " * self.depth + d.finish("total"))
