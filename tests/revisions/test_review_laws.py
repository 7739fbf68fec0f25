"""Laws of reviews over random pairs of specs: nothing differs from itself, sides mirror, parts sum to totals."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_process import run_in

HEAD = """\
apiVersion: fleetspec/v1
kind: Fleet
name: law
owner: {owner}
data:
  market: {{from: "synthetic:market", series: 4, length: 700 sessions, seed: 1}}
universes:
  eq: {{data: market, series: [SYN0001, SYN0002, SYN0003], calendar: XNYS, bar: 1 session}}
  us: {{data: market, series: [SYN0003, SYN0004], calendar: XNYS, bar: 1 session}}
horizons: [{horizons}]
models:
  vol: {{families: [{families}], target: variance, train: {train} bars, refit: 5 sessions,
         params: {{distribution: {dist}}}}}
  var: {{family: vol-scaled, over: vol, target: value_at_risk, levels: [99%]}}
fleet:
  - {{universes: [{universes}], models: vol}}
{rows}schedule: {{calendar: XNYS, start: close + 45m, deadline: {deadline}}}
budget: {{nightly: 5 USD}}
hardware:
  box: {{cpu: {cpu}, memory: 16Gi, price: {price} USD/h, max: 2, boot: 10s}}
"""
ROW = "  - {universes: eq, models: var, horizons: [1 bar]}\n"

specs = st.builds(
    HEAD.format,
    owner=st.sampled_from(["desk", "research"]),
    horizons=st.sampled_from(["1 bar", "1 bar, 5 bars"]),
    families=st.sampled_from(["garch", "gjr", "garch, gjr"]),
    train=st.sampled_from([400, 500]),
    dist=st.sampled_from(["normal", "t"]),
    universes=st.sampled_from(["eq", "eq, us"]),
    rows=st.sampled_from(["", ROW]),
    deadline=st.sampled_from(["open - 90m", "open - 4h"]),
    cpu=st.sampled_from([2, 4]),
    price=st.sampled_from(["0.10", "0.25"]),
)


_PLACE = tempfile.TemporaryDirectory(prefix="laws-")
"""Goes when the process ends."""


@cache
def _folder(text: str) -> Path:
    """A folder with the spec, locked."""
    folder = Path(tempfile.mkdtemp(dir=_PLACE.name))
    (folder / "fleet.yaml").write_text(text)
    answer = run_in(folder)("lock", "fleet.yaml")
    assert answer.code == 0, answer.err
    return folder


def diff(base: str, head: str) -> dict[str, Any]:
    """The answer of two folders, each side with the data of its own lock, which are the same."""
    answer = run_in(Path.cwd())("diff", str(_folder(base)), str(_folder(head)), "--data", "--format", "json")
    assert answer.code == 0, answer.err
    found: dict[str, Any] = answer.json
    return found


def cell(group: dict[str, Any]) -> tuple[str, ...]:
    return group["universe"], group["group"], group["family"]


def parts_sum_to_totals(found: dict[str, Any]) -> None:
    total = found["total"]
    reviews = [spec["review"] for spec in found["specs"]]
    groups = [group for review in reviews for group in review["groups"]]
    for key in ("added", "removed", "renamed", "changed", "model", "upstream", "data"):
        assert total[key] == sum(group[key] for group in groups), key
    for side in ("base", "head"):
        assert abs(total["cost_usd"][side] - sum(review[side]["cost_usd"] for review in reviews)) < 1e-9
    for review in reviews:
        counts = {key: sum(group[key] for group in review["groups"]) for key in ("added", "changed", "removed")}
        # Every model of the head is new, made anew or as it was; every one of the base made anew, as it was, or gone.
        assert review["head"]["models"] == counts["added"] + counts["changed"] + review["unchanged"]
        assert review["base"]["models"] == counts["removed"] + counts["changed"] + review["unchanged"]
        assert review["jobs_to_run"] == sum(one["needed"] for one in review["work"])


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(specs, specs)
def test_reviews_obey_their_laws(a: str, b: str) -> None:
    assert not diff(a, a)["changes"]
    there, back = diff(a, b), diff(b, a)
    assert there["changes"] == back["changes"] == (a != b)
    parts_sum_to_totals(there)
    parts_sum_to_totals(back)
    for one, other in zip(there["specs"], back["specs"], strict=True):
        forth, mirrored = one["review"], other["review"]
        assert (forth["base"], forth["head"]) == (mirrored["head"], mirrored["base"])
        assert forth["unchanged"] == mirrored["unchanged"]
        counts = {cell(group): (group["added"], group["removed"], group["changed"]) for group in forth["groups"]}
        assert counts == {
            cell(group): (group["removed"], group["added"], group["changed"]) for group in mirrored["groups"]
        }
        values = {(v["route"], v["base"], v["head"], v["class"]) for v in forth["settings"]}
        assert values == {(v["route"], v["head"], v["base"], v["class"]) for v in mirrored["settings"]}
