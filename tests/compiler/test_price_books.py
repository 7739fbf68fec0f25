"""Price books: where they come from, what is wrong with them and where, and what plans make of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleetspec import pipeline
from fleetspec.catalog.listing import aged, compared, offers
from fleetspec.catalog.loading import shipped
from fleetspec.compiler.given import Given
from fleetspec.compiler.jobgraph import RunKind
from fleetspec.compiler.price_books import book_of_file, laid_over, priced
from fleetspec.diagnostics import Rejected, Report

BOOK = """\
apiVersion: fleetspec/v1
kind: Prices
name: acme
date: 2026-11-02
currency: USD
source: contract 4711
region: europe-west4
offers:
  gcp/n2-standard-32: {price: 1.21 USD/h, spot: {price: 0.46 USD/h, preempt: 4%/h}}
  acme/dgx: {price: 40 USD/h, cpu: 224, memory: 2048Gi, gpu: H100-80GB, gpus: 8, date: 2026-10-01, source: own racks}
"""
SPEC = """\
apiVersion: fleetspec/v1
kind: Fleet
name: books
owner: research
data:
  market: {from: "synthetic:market", series: 12, length: 1250 sessions, seed: 11}
universes:
  equities: {data: market, calendar: XNYS, bar: 1 session}
horizons: [1 bar]
models:
  vol: {family: garch, target: variance, train: 1000 bars, refit: 5 sessions}
fleet:
  - {universes: equities, models: vol}
schedule: {calendar: XNYS, start: close + 45m, deadline: open - 90m}
budget: {nightly: 5 USD}
prices: file:acme.yaml
hardware:
  cloud: {offer: gcp/n2-standard-32, max: 2, spot: catalog}
"""


def written(folder: Path, spec: str = SPEC, book: str = BOOK) -> Path:
    (folder / "acme.yaml").write_text(book)
    (folder / "fleet.yaml").write_text(spec)
    return folder / "fleet.yaml"


def findings(path: Path, given: Given | None = None) -> list[tuple[str, str, str]]:
    """Code, place and message of all that is wrong with a spec."""
    with pytest.raises(Rejected) as caught:
        pipeline.read(path, pipeline.world(), Report(), given or Given())
    return [
        (one.rule.code, f"{Path(one.place.source.name).name}:{one.place.line}:{one.place.column}", one.message)
        for one in caught.value.report
        if one.place is not None
    ]


def test_prices_of_a_book_are_planned_with(tmp_path: Path) -> None:
    path = written(tmp_path)
    around = pipeline.world()
    source = pipeline.read(path, around, Report())
    (tmp_path / "fleet.lock").write_bytes(pipeline.lock(source, around).to_bytes())
    made = pipeline.planned(path, RunKind.NIGHTLY, None, None, Report()).plan
    kept, spot = made.pools
    assert (kept.usd_per_hour, kept.price_book, kept.price_date) == (1.21, "acme", "2026-11-02")
    assert (spot.usd_per_hour, spot.price_book, spot.preempt_per_hour) == (0.46, "acme", 0.04)
    assert kept.price_basis == "gcp/n2-standard-32 on demand in europe-west4, 2026-11-02 (price book acme)"
    # Ten jobs of a garch take less than a boot: the cheapest node for them is the spot one.
    assert spot.peak_nodes == 1
    # The spec stands alone: a pod, a saved plan and a review need no file of prices.
    text = pipeline.resolved(source)
    assert "contract 4711" in text
    pipeline.save(pipeline.planned(path, RunKind.NIGHTLY, None, None, Report()), tmp_path / "night.fsp")
    (tmp_path / "acme.yaml").write_text(BOOK.replace("1.21", "1.11"))
    again = pipeline.reopened(tmp_path / "night.fsp", None, Report())
    assert again.plan.pools[0].usd_per_hour == 1.21
    # Other prices are another spec, so a plan saved before is told from one made now.
    moved = pipeline.planned(path, RunKind.NIGHTLY, None, None, Report()).plan
    assert moved.inputs.spec != made.inputs.spec
    assert moved.inputs.graph == made.inputs.graph


def test_a_given_book_replaces_that_of_the_spec(tmp_path: Path) -> None:
    path = written(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "new.yaml").write_text(BOOK.replace("name: acme", "name: beta").replace("1.21", "0.99"))
    source = pipeline.read(path, pipeline.world(), Report(), Given(prices=elsewhere / "new.yaml"))
    catalog = priced(shipped(), source.spec)
    assert catalog.offers["gcp/n2-standard-32"].usd_per_hour == 0.99
    assert catalog.book is not None
    assert catalog.book.name == "beta"
    # The cores of a machine that the catalog knows come from there.
    assert catalog.offers["gcp/n2-standard-32"].cpu == shipped().offers["gcp/n2-standard-32"].cpu
    assert catalog.shipped == shipped().digest != catalog.digest


@pytest.mark.parametrize(
    ("old", "new", "code", "at", "said"),
    [
        ("1.21 USD/h", "nan USD/h", "FS103", "nan USD/h", "'nan USD/h' is not a price per hour"),
        ("1.21 USD/h", "-1.21 USD/h", "FS103", "-1.21 USD/h", "'-1.21 USD/h' is not a price per hour"),
        ("1.21 USD/h", "inf USD/h", "FS103", "inf USD/h", "'inf USD/h' is not a price per hour"),
        ("1.21 USD/h", "1.21 EUR/h", "FS103", "1.21 EUR/h", "'1.21 EUR/h' is not a price per hour"),
        ("1.21 USD/h", "0 USD/h", "FS287", "0 USD/h, spot", "gcp/n2-standard-32: a price of 0 USD/h"),
        ("0.46 USD/h", "1.3 USD/h", "FS287", "1.3 USD/h", "it has to be cheaper"),
        ("0.46 USD/h", "-0.1 USD/h", "FS103", "-0.1 USD/h", "'-0.1 USD/h' is not a price per hour"),
        ("preempt: 4%/h", "preempt: 0%/h", "FS287", "0%/h", "to be taken back"),
        ("currency: USD", "currency: EUR", "FS104", "EUR", "'EUR' is not a choice for prices.currency"),
        ("date: 2026-11-02", "date: yesterday", "FS103", "yesterday", "'yesterday' is not a date"),
        ("H100-80GB", "H100", "FS288", "H100", "acme/dgx: there is no GPU 'H100'"),
        ("cpu: 224, memory: 2048Gi, ", "", "FS288", "acme/dgx", "its size is not said"),
        ("memory: 2048Gi, ", "", "FS288", "acme/dgx", "its memory is not said"),
        (", gpus: 8", "", "FS288", "H100-80GB", "how many GPUs a node has is not said"),
        ("acme/dgx", "dgx", "FS288", "dgx", "an offer is named provider/machine"),
        ("32: {", "32: {cpu: 33, ", "FS288", "33,", "the catalog says what its cpu is"),
        ("kind: Prices", "kind: Defaults", "FS286", "Defaults", "acme.yaml is kind: Defaults, not Prices"),
        ("offers:", "offer:", "FS101", "offer:", "'offer' is not a key of prices"),
    ],
)
def test_what_is_wrong_is_said_in_the_book(tmp_path: Path, old: str, new: str, code: str, at: str, said: str) -> None:
    assert old in BOOK
    book = BOOK.replace(old, new)
    before = book[: book.index(at)]
    place = f"acme.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    assert [(one[0], one[1], said in one[2]) for one in findings(written(tmp_path, book=book))] == [(code, place, True)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("prices: acme.yaml", "prices is 'acme.yaml', which names no file"),
        ("prices: 'file:'", "file: names no file"),
        ("prices: file:../acme.yaml", "'../acme.yaml' is outside of the folder"),
    ],
)
def test_a_book_that_is_no_file_is_said_in_the_spec(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "repository").mkdir()
    found = findings(written(tmp_path / "repository", SPEC.replace("prices: file:acme.yaml", line)))
    assert [(code, place) for code, place, message in found if said in message] == [("FS286", "fleet.yaml:16:9")]


def test_spot_terms_need_a_book_that_has_them(tmp_path: Path) -> None:
    found = findings(written(tmp_path, book=BOOK.replace(", spot: {price: 0.46 USD/h, preempt: 4%/h}", "")))
    assert [(code, place) for code, place, _ in found] == [("FS289", "fleet.yaml:18:52")]
    found = findings(written(tmp_path, SPEC.replace("prices: file:acme.yaml\n", "")))
    assert [code for code, _, _ in found] == ["FS289"]


def test_lists_have_the_prices_of_a_book(tmp_path: Path) -> None:
    from datetime import date

    written(tmp_path)
    today = date(2026, 11, 26)
    catalog = laid_over(shipped(), book_of_file(tmp_path / "acme.yaml", shipped(), Report()))
    rows = {row["name"]: row for row in offers(catalog, None, today)["offers"]}
    assert (rows["acme/dgx"]["usd_per_unit_hour"], rows["acme/dgx"]["age_days"]) == (5.0, 56)
    assert rows["gcp/n2-standard-32"]["spot_usd_per_hour"] == 0.46
    assert rows["aws/m7i.8xlarge"]["book"] is None
    told = compared(shipped(), catalog, today)
    assert [row["name"] for row in told["offers"]] == ["gcp/n2-standard-32", "acme/dgx"]
    before = shipped().offers["gcp/n2-standard-32"].usd_per_hour
    assert told["offers"][0]["change"] == pytest.approx(1.21 / before - 1)
    assert told["offers"][1]["before"] is None
    lists = {row["source"]: row for row in aged(catalog, 30, today)["lists"]}
    assert lists["price book acme: contract 4711"]["old"] is False
    assert lists["price book acme: own racks"]["old"] is True
    assert json.loads(json.dumps(told)) == told


def test_a_book_of_nothing_is_none(tmp_path: Path) -> None:
    (tmp_path / "empty.yaml").write_text(BOOK.partition("offers:")[0] + "offers: {}\n")
    with pytest.raises(Rejected) as caught:
        book_of_file(tmp_path / "empty.yaml", shipped(), Report())
    assert [one.rule.code for one in caught.value.report] == ["FS286"]
    with pytest.raises(Rejected):
        book_of_file(tmp_path / "absent.yaml", shipped(), Report())
