"""The innovations' densities and what their parameters are worth: log-likelihood, scores and information.

Normal, Student t, Hansen's skewed t and the generalised error distribution, each with variance 1.
"""

from __future__ import annotations

import math

from fleetspec.kernels.garch.statements import THINNED, Statements

LARGEST_SKEW = 1.0 - 1e-6


class Densities(Statements):
    """One innovation's part of the sums, and after the loop what the sums come to."""

    def constants(self) -> None:
        """What does not change from one observation to the next."""
        d = self.dialect
        if self.tailed:
            self.put("nu", "1.0 / eta")
            self.put("m", "nu - 2.0")
            self.put("up", "nu + 1.0")
            self.put("half_up", "0.5 * up")
            self.put("inv_m", "1.0 / m")
            self.put("c", f"{d.log_gamma}(0.5 * up) - {d.log_gamma}(0.5 * nu) - 0.5 * {d.log}({math.pi!r} * m)")
            if self.scored:
                self.put("c_nu", f"0.5 * {d.digamma}(0.5 * up) - 0.5 * {d.digamma}(0.5 * nu) - 0.5 / m")
        if self.spec.distribution == "skewt":
            least, most = d.constant(-LARGEST_SKEW), d.constant(LARGEST_SKEW)
            self.put("lam", f"{d.minimum}({d.maximum}(lam, {least}), {most})")
            self.put("a_lam", f"4.0 * {d.exp}(c) * m / (nu - 1.0)")
            self.put("sa", "a_lam * lam")
            self.put("sb", f"{d.sqrt}(1.0 + 3.0 * lam * lam - sa * sa)")
            self.put("right", "1.0 / (1.0 + lam)")
            self.put("left", "1.0 / (1.0 - lam)")
            self.put("cut", "0.0 - sa / sb")
            if self.scored:
                self.put("a_nu", "sa * (c_nu + 1.0 / m - 1.0 / (nu - 1.0))")
                self.put("b_nu", "0.0 - sa * a_nu / sb")
                self.put("b_lam", "(3.0 * lam - sa * a_lam) / sb")
                self.put("b_over", "b_lam / sb")
        if self.spec.distribution == "ged":
            two = repr(math.log(2.0))
            self.put("inv", "1.0 / nu")
            self.put("lg1", f"{d.log_gamma}(inv)")
            self.put("logc", f"0.5 * (lg1 - {d.log_gamma}(3.0 * inv)) - {two} * inv")
            self.put("c", f"{d.log}(nu) - logc - lg1 - (1.0 + inv) * {two}")
            if self.scored:
                self.put("rc2", f"{d.exp}(-2.0 * logc)")
                self.put("slope_nu", "-0.5 * nu * rc2")
                self.put("dg1", f"{d.digamma}(inv)")
                self.put("logc_nu", f"inv * inv * ({two} + 1.5 * {d.digamma}(3.0 * inv) - 0.5 * dg1)")
                self.put("c_nu", f"inv - logc_nu + inv * inv * (dg1 + {two})")

    def normal(self) -> None:
        self.add("squares", "u")
        if self.scored:
            self.put("sc", "0.5 * u - 0.5")
            self.put_mean_score("0.0 - e * r" if self.spec.process in ("garch", "gjr") else "0.0 - z * rs")

    def joint_division(self) -> None:
        """One division for 1 / h and for the tail: with Q = (m + v^2) times the variance, both follow from 1 / (h Q).

        ``wide`` is v times the deviation; a value needs no division at all.
        """
        variance, wide = "h * h" if self.level else "h", "e2"
        if self.spec.distribution == "skewt":
            self.put("dev", "h" if self.level else f"{self.dialect.sqrt}(h)")
            self.put("side", self.dialect.select("e < cut * dev", "left", "right"))
            self.put("wide", "(sb * e + sa * dev) * side")
            wide = "wide * wide"
        self.put("Q", f"m * ({variance}) + {wide}")
        self.put("tail", "tail * Q")
        if self.scored:
            self.put("P", "1.0 / (h * Q)")
            self.put("r", "Q * P")
            self.put("iq", "h * P")

    def t(self) -> None:
        if not self.joined:
            self.put("mq", "m + u")
            self.put("tail", "tail * mq")
        if not self.scored:
            return
        if self.joined:
            self.put("uq", "e * iq")
            self.put("part", "e * uq")
            slope = "0.0 - up * uq"
        else:
            self.put("q", "1.0 / mq")
            self.put("part", "u * q")
            slope = "0.0 - up * q * (z * rs)"
        self.add("squares", "part")
        self.put("sc", "half_up * part - 0.5")
        self.put_mean_score(slope)

    def skewt(self) -> None:
        """By pull = -(nu + 1) side v / (m + v^2), in units of a deviation where the division is joint."""
        dev, e, wide = ("dev", "e", "wide") if self.joined else ("1.0", "z", "v")
        left = f"{e} < cut * {dev}"
        if not self.joined:
            self.put("side", self.dialect.select(left, "left", "right"))
            self.put("v", "(sb * z + sa) * side")
            self.put("mq", "m + v * v")
            self.put("tail", "tail * mq")
        if not self.scored:
            return
        if not self.joined:
            self.put("iq", "1.0 / mq")
        self.put("part", f"{wide} * iq")
        self.put("pull", "0.0 - up * side * part")
        self.put("dz", "pull * sb")
        self.put("sc", f"-0.5 - 0.5 * ({e} * dz)")
        self.put_mean_score("dz" if self.joined else "dz * rs")
        self.add("squares", f"half_up * ({wide} * part) * inv_m + pull * (b_nu * {e} + a_nu * {dev})")
        self.put("flip", self.dialect.select(left, f"0.0 - {wide}", wide))
        self.put("dlam", f"b_over + pull * (b_lam * {e} + a_lam * {dev} - flip)")

    def stages(self, within: str, before: set[str]) -> None:
        """Ends the recursion's loop over a block, takes logarithms in a second one, and opens a third for all else.

        Recursion, logarithm and power wait for each other. In one loop a processor does not look far enough ahead to
        work on other observations meanwhile, and registers do not suffice. ``before`` are the names that were declared
        before the first loop, ``within`` is its head.
        """
        slots = {name: self.dialect.slot("block", "i", at, len(self.staged)) for at, name in enumerate(self.staged)}
        for name, value in self.staged.items():
            if value:
                self.put(slots[name], value)
        self.close()
        self.open(within)
        self.put(slots["lz"], f"0.5 * {self.dialect.quick_log}({slots['size']}) - logc")
        self.close()
        self.declared = before
        self.open(within)
        for name, slot in slots.items():
            self.put(name, slot)
        for k in range(1, self.spec.lags + 1) if self.scored else ():
            self.put(f"x{k}", self.dialect.observation(self.spec.lags - k))

    def ged(self) -> None:
        d = self.dialect
        if not self.staged:
            self.put("size", self.size)
            self.put("lz", f"0.5 * {d.quick_log}(size) - logc")
        if not self.scored:
            self.add("squares", f"{d.quick_exp}(nu * lz)")
        else:
            # power is that of |z| / c to nu; two powers less make the slope, without a division.
            self.put("ratio", f"{d.quick_exp}((nu - 2.0) * lz)")
            self.put("power", "size * ratio * rc2")
            self.add("squares", "power")
            self.put("sc", "0.25 * nu * power - 0.5")
            self.put("dnu", "c_nu - 0.5 * power * (lz - nu * logc_nu)")
            slope = "slope" if self.staged else f"({self.slope})"
            self.put_mean_score(f"slope_nu * ratio * {slope}")

    def put_mean_score(self, value: str) -> None:
        """dl/de; residuals fall by the regressor for a unit of its coefficient."""
        if self.means:
            self.put("le", value)

    def fold(self) -> None:
        """Products give up what they have grown by before they can leave the range of a float."""
        for total, product in self.products():
            for line in self.dialect.folded(total, product):
                self.lines.append("    " * self.depth + line)
        if self.mode == "check" and self.log_scale:
            self.fold_growth()

    def close_products(self) -> None:
        """Sums of logs from what was folded and what is left."""
        for total, product in self.products():
            self.put(total, self.dialect.closed(total, product))

    def products(self) -> list[tuple[str, str]]:
        """Sums of logs, and the products that stand for what is not yet in them."""
        found = [("logs", "product")] if self.summed and not self.log_scale else []
        return found + ([("tails", "tail")] if self.tailed and self.mode != "check" else [])

    def fold_growth(self) -> None:
        d = self.dialect
        largest = f"{d.absolute}(P0)"
        for j in range(1, self.depths):
            largest = f"{d.maximum}({largest}, {d.absolute}(P{j}))"
        self.put("largest", f"{d.maximum}({largest}, {d.constant(1e-300)})")
        self.add("growth", f"{d.log}(largest)")
        for j in range(self.depths):
            self.put(f"P{j}", f"P{j} / largest")

    def gradient(self) -> None:
        for index, n in enumerate([*self.moving, *self.shapes]):
            if n != "eta":
                self.put(f"g[{index}]", f"0.0 - G{n}")
            elif self.spec.distribution == "t":
                self.put(f"g[{index}]", "nu * nu * (count * c_nu - 0.5 * excess + 0.5 * up * squares / m)")
            else:
                self.put(f"g[{index}]", "nu * nu * (count * (c_nu + b_nu / sb) - 0.5 * excess + squares)")

    def information(self) -> None:
        """Expected, for variance and tail; outer products of scores for mean and skew, which the others leave alone.

        Student's t: Lange, Little and Taylor (1989), carried from scale to variance. Generalised error: half the power
        is a gamma variable of shape 1 / nu, whose moments with its logarithm are digamma and trigamma functions.
        """
        d = self.dialect
        at = {n: i for i, n in enumerate([*self.moving, *self.shapes])}

        def place(n: str, m: str) -> str:
            return f"F[{at[n] * (at[n] + 1) // 2 + at[m]}]"

        self.put("share", repr(float(THINNED)))
        kappa = {"normal": "0.5", "ged": "0.25 * nu"}.get(self.spec.distribution, "0.5 * nu / (nu + 3.0)")
        self.put("kappa", f"share * ({kappa})")
        for n, m in self.pairs():
            if n == "lam":
                self.put(place(n, m), f"F{n}{m}")
            else:
                added = f" + M{n[1:]}{m[1:]}" if n in self.means and m in self.means else ""
                self.put(place(n, m), f"kappa * F{n}{m}{added}")
        if self.tailed:
            self.put("ss", "2.0 * nu / (nu + 3.0)")
            self.put("sn", "-2.0 / ((nu + 1.0) * (nu + 3.0))")
            tri = f"{d.trigamma}(0.5 * nu) - {d.trigamma}(0.5 * up)"
            self.put("nn", f"0.25 * ({tri}) - 0.5 * (nu + 5.0) / (nu * (nu + 1.0) * (nu + 3.0))")
            self.put("ds", "1.0 / (nu * m)")
            self.put("cross", "share * (-0.5 * nu * nu * (sn + ss * ds))")
            self.put("own", "(nu * nu * nu * nu) * (nn + 2.0 * sn * ds + ss * ds * ds)")
        elif self.spec.distribution == "ged":
            self.put("fixed", f"{math.log(2.0)!r} * inv - nu * logc_nu")
            self.put("psi", f"{d.digamma}(inv + 2.0)")
            self.put("cross", "share * (-0.5 * (fixed + inv * (psi + 1.0 - 1.0 / (inv + 1.0))))")
            square = f"fixed * fixed + 2.0 * fixed * inv * psi + inv * inv * ({d.trigamma}(inv + 2.0) + psi * psi)"
            self.put("own", f"inv * (inv + 1.0) * ({square}) - c_nu * c_nu")
        if self.crossed:
            tail = self.shapes[0]
            for n in self.moving:
                self.put(place(tail, n), f"cross * S{n}")
            self.put(place(tail, tail), "count * own")
        if self.spec.distribution == "skewt":
            for n in [*self.moving[len(self.means) :], "eta"]:
                self.put(place("lam", n), "0.0 * nu")
