"""Values of two specs: what means something else is told once, with its class and line; a spelling is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from test_identity_laws import written_otherwise
from toy_specs import BARS, RICH, SPEC, TOYS, compiled, make_lock

from fleetspec.compiler.changes import Side
from fleetspec.compiler.compose import compose_text
from fleetspec.compiler.decode import decode
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.lower import lower
from fleetspec.compiler.moves import renames
from fleetspec.diagnostics import Report, Source
from fleetspec.review.settings import Said, SettingChange, setting_changes


def said(text: str, name: str) -> Said:
    document = compose_text(Source(name, text), Report())
    assert document is not None
    spec = decode(document, Report())
    assert spec is not None
    graph = lower(spec, make_lock(spec, BARS), TOYS, RunKind.NIGHTLY, compiled(RICH).session)
    return Said.of(Side(graph, spec), document)


def compared(before: str, after: str) -> tuple[SettingChange, ...]:
    one, two = said(before, "base.yaml"), said(after, "head.yaml")
    return setting_changes(one, two, renames(one.spec, two.spec))


def line(text: str, part: str, name: str = "head.yaml") -> str:
    return f"{name}:{text[: text.index(part)].count(chr(10)) + 1}"


CASES = {
    # (old, new): (route, base, head, class)
    ("[wave, calm], target: variance, train: 100 bars", "[wave, calm], target: variance, train: 75 bars"):
        ("models.vol.train", "100 bars", "75 bars", "model"),
    ("alpha: 0.5", "alpha: 2"): ("models.line.params.alpha", "0.5", "2", "model"),
    ("momentum(5)", "momentum(6)"): ("features.tech", "[momentum(5), rsi(14)]", "[momentum(6), rsi(14)]", "model"),
    ("seed: 7", "seed: 8"): ("seed", "7", "8", "model"),
    ("family: scaled", "family: scaled, side: short"): ("models.var.side", "long (default)", "short", "model"),
    ("family: wood", "families: [wood, ridge]"): ("models.tree.families", "wood", "[wood, ridge]", "model"),
    ("from: rates.csv", "from: other.csv"): ("data.rates.from", "rates.csv", "other.csv", "data"),
    ("cpu: 2", "cpu: 4"): ("hardware.laptop.cpu", "2", "4", "capacity"),
    ("start: close + 45m", "start: close + 1h"): ("schedule.start", "close + 45m", "close + 1h", "capacity"),
    ("within: 12h", "within: 13h"): ("backtest.within", "12h", "13h", "capacity"),
    ("step: 20 bars", "step: 10 bars"): ("backtest.step", "20 bars", "10 bars", "model"),
    ("per: universe", "per: universe, gpu_memory: 9 GiB"): ("models.tree.gpu_memory", None, "9 GiB", "capacity"),
    ("owner: me", "owner: you"): ("owner", "me", "you", "metadata"),
    ("owner: me", "owner: me\ntier: high"): ("tier", "medium (default)", "high", "metadata"),
    ("horizons: [5 bars]", "horizons: [1 bar]"): ("fleet.2.horizons", "[5 bars]", "[1 bar]", "model"),
    ("models:\n", "models:\n  spare: {family: wave, target: variance, train: 9 bars, refit: 5 sessions}\n"):
        ("models.spare", None, "{family: wave, target: variance, train: 9 bars, refit: 5 sessions}", "metadata"),
}  # fmt: skip


@pytest.mark.parametrize("edit", CASES, ids=lambda edit: edit[1][:40].strip())
def test_a_value_is_told_with_its_class_and_line(edit: tuple[str, str]) -> None:
    after = RICH.replace(*edit)
    (change,) = compared(RICH, after)
    assert (change.route, change.base, change.head, change.klass) == CASES[edit]
    assert change.place == line(
        after, edit[1].rsplit("\n", 2)[-2] if edit[1].endswith("\n") else edit[1].split("\n")[-1]
    )
    (back,) = compared(after, RICH)
    assert (back.route, back.head, back.base, back.klass) == CASES[edit]


def test_what_is_gone_is_placed_in_the_base() -> None:
    (change,) = compared(RICH, RICH.replace(", params: {alpha: 0.5}", ""))
    assert (change.base, change.head) == ("0.5", None)
    assert change.place == line(RICH, "alpha: 0.5", "base.yaml")


@settings(max_examples=25, deadline=None)
@given(written_otherwise())
def test_a_spelling_is_no_change(otherwise: tuple[str, str | None]) -> None:
    text, below = otherwise
    if below is None:
        # Owner, tier and month are not spellings, and rows may be split.
        other = {change.route for change in compared(RICH, text) if not change.route.startswith("fleet.")}
        assert other <= {"owner", "tier", "budget.month"}


def test_nothing_differs_from_itself() -> None:
    assert compared(RICH, RICH) == ()
    assert compared(SPEC, SPEC) == ()


def test_rows_that_come_to_the_same_change_nothing() -> None:
    row = "  - {universes: [main, fx], models: [vol, var, line]}\n"
    split = "  - {universes: fx, models: [vol, var, line]}\n  - {universes: main, models: [vol, var, line]}\n"
    assert {change.klass for change in compared(SPEC, SPEC.replace(row, split))} == {"metadata"}


def test_a_renamed_group_is_one_change() -> None:
    after = SPEC.replace("  vol: {", "  volatility: {").replace("over: vol,", "over: volatility,")
    after = after.replace("[vol, var", "[volatility, var") + "moved: [{from: '*/vol', to: '*/volatility'}]\n"
    found = {(change.route, change.base, change.head, change.klass) for change in compared(SPEC, after)}
    assert found == {
        ("models.volatility", "vol", "volatility", "metadata"),
        ("moved.1", None, "{from: */vol, to: */volatility}", "metadata"),
    }


def test_a_renamed_group_that_says_otherwise_says_so() -> None:
    after = (
        SPEC.replace("  vol: {", "  volatility: {")
        .replace("over: vol,", "over: volatility,")
        .replace("train: 100", "train: 90")
    )
    after = after.replace("[vol, var", "[volatility, var") + "moved: [{from: '*/vol', to: '*/volatility'}]\n"
    (change,) = [one for one in compared(SPEC, after) if one.klass == "model"]
    assert (change.route, change.base, change.head) == ("models.volatility.train", "100 bars", "90 bars")
