"""A review's charts as SVG and its page, from hand-made JSON: what is drawn, and that no text is markup."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from test_as_comment import answer, review, spec
from test_plan_page import FRONTIER, SLACK, WHOLE
from test_review_forms import policy, with_policies

from fleetspec.views import as_review_page, charts, charts_plan, charts_review
from fleetspec.views.as_svg import svg

SVG = "{http://www.w3.org/2000/svg}"
SIDE = WHOLE | {"slack": SLACK}
UNDONE = [
    {"route": "models.g0.train", "base": "1000 bars", "head": "750 bars", "cost_usd": 1.5, "end_seconds": 50.0,
     "verdict": "feasible", "models": 10},
    {"route": "horizons", "base": "1 bar", "head": "5 bars", "cost_usd": None, "end_seconds": None, "verdict": None,
     "models": None},
    {"route": "seed", "base": "1", "head": "2"},
]  # fmt: skip
WEIGHED = {"base": SIDE, "head": SIDE, "frontier": FRONTIER, "undone": UNDONE}


def drawn(figure: dict[str, Any] | None, title: str = "t") -> ElementTree.Element:
    assert figure is not None
    return ElementTree.fromstring(svg(figure, title))


def rectangles(root: ElementTree.Element) -> list[tuple[float, float]]:
    """Left end and width of every bar; those of the legend are 12 pixels square."""
    found = [one.attrib for one in root.iter(f"{SVG}rect")]
    return [(float(a["x"]), float(a["width"])) for a in found if (a["width"], a["height"]) != ("12", "12")]


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(one.itertext()) for one in root.iter(f"{SVG}text")]


def test_a_step_of_the_waterfall_begins_where_the_last_one_ended() -> None:
    bars = rectangles(drawn(charts_plan.waterfall(SLACK)))
    assert len(bars) == len(SLACK)
    for step, (left, _), (before, width) in zip(SLACK[1:], bars[1:], bars, strict=False):
        if step["start_seconds"] > 1000:
            assert left == pytest.approx(before + width, abs=0.2)
    # Lengths are those of the steps: the slack is 51,177 s, the run 3,303 s.
    assert bars[3][1] / bars[2][1] == pytest.approx(51177 / 3303, rel=0.02)


def test_slices_of_a_gpu_fill_it() -> None:
    bars = rectangles(drawn(charts_plan.gpu_strips(WHOLE["plan"])))
    assert len(bars) == 56
    lefts = sorted({left for left, _ in bars})
    assert len(lefts) == 7
    assert lefts[1] - lefts[0] == pytest.approx(bars[0][1], abs=0.2)


def test_stages_stack_up_to_the_cost_of_a_pool() -> None:
    stage = WHOLE["plan"]["stages"][0]
    plan = WHOLE["plan"] | {"stages": [stage, stage | {"stage": 1, "title": "forecast"}]}
    bars = rectangles(drawn(charts.cost_by_pool(plan)))
    first, second = bars[0], bars[len(bars) // 2]
    assert second[0] == pytest.approx(first[0] + first[1], abs=0.2)


def test_the_frontier_has_a_mark_for_each_plan_and_the_deadline() -> None:
    root = drawn(charts_plan.cost_against_deadline(FRONTIER))
    assert len(list(root.iter(f"{SVG}circle"))) == len(FRONTIER["points"])
    assert "the spec's deadline" in texts(root)


def test_both_sides_of_a_spec_are_bars_of_their_figures() -> None:
    data = answer(spec("specs/a.yaml", review(1, 1, base=1.0, head=2.5)), spec("specs/b.yaml", None, "broken"))
    root = drawn(charts_review.costs(data))
    (_, base), (_, head) = rectangles(root)
    assert head / base == pytest.approx(2.5, rel=0.01)
    assert {"specs/a.yaml", "1.00 USD", "2.50 USD"} <= set(texts(root))
    assert charts_review.ends(answer(spec("b.yaml", None, "broken"))) is None


def test_of_many_specs_those_that_change_most_are_drawn() -> None:
    specs = [spec(f"s{number:02d}.yaml", review(1, 1, base=1.0, head=1.0 + number)) for number in range(30)]
    shown = set(texts(drawn(charts_review.costs(answer(*specs)))))
    assert {f"s{number:02d}.yaml" for number in range(30)} & shown == {
        f"s{number:02d}.yaml" for number in range(18, 30)
    }


def test_no_name_is_markup_in_a_chart_or_on_the_page() -> None:
    nasty = "</svg><script>alert(1)</script>&\"'.yaml"
    data = answer(spec(nasty, review(1, 1), findings=1))
    data["specs"][0]["findings"][0]["place"]["snippet"] = nasty
    root = drawn(charts_review.costs(data), nasty)
    assert not list(root.iter(f"{SVG}script"))
    page = as_review_page.view(with_policies(data, policy(1, "fail") | {"what": nasty}), [WEIGHED])
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_has_both_sides_and_needs_nothing_from_outside() -> None:
    data = with_policies(answer(spec("specs/a.yaml", review(1, 3))), policy(1, "warn"), policy(2, "pass"))
    page = as_review_page.view(data, [WEIGHED])
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)
    assert page.count("<figcaption>base</figcaption>") == page.count("<figcaption>head</figcaption>") == 4
    for said in ("1 spec changed, every run ends in time", "too dear by 1 USD", "nothing to object: p2",
                 "not by itself",
                 "1 edit more, not planned by themselves", "-0.50 USD", "Cost against deadline, head",
                 "The bill of the nightly run"):  # fmt: skip
        assert said in page, said
    names = [name for name, _ in as_review_page.pictures(data, [WEIGHED])]
    assert len(names) == len(set(names)) == 2 + 1 + 8


def test_a_spec_that_only_one_side_has_has_a_page() -> None:
    gone = review(1, 0) | {"head": None}
    page = as_review_page.view(answer(spec("a.yaml", gone, "deleted")), [WEIGHED | {"head": None, "undone": []}])
    assert page.count("nothing to draw") == 4
    assert "Cost against deadline, base" in page


def test_a_broken_spec_shows_its_line() -> None:
    page = as_review_page.view(answer(spec("specs/a.yaml", None, "broken", 1)), [None])
    assert "Cannot be compared: specs/a.yaml" in page
    assert "owner: me" in page
