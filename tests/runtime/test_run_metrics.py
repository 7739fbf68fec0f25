"""Metrics against the summary of the run they were kept up in; the page, the server, the board and the alerts."""

from __future__ import annotations

import json
import re
import socket
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleetspec.diagnostics import Rejected
from fleetspec.runtime import events as told
from fleetspec.runtime.driver import run
from fleetspec.runtime.exporter import CONTENT_TYPE, parse_address, serving
from fleetspec.runtime.listening import listening
from fleetspec.runtime.metrics import LABELS, METRICS, Metrics

OPS = Path(__file__).resolve().parents[2] / "ops"
SAMPLE = re.compile(r'(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)*)\} (\S+)')
BOUNDED = ("fleet", "universe", "family", "stage", "state", "pool")


def samples(page: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """A page read back by a reader of its own; every line must be a comment or a sample."""
    found = {}
    for line in page.splitlines():
        if not line.startswith("# "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            labels = tuple(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2]))
            assert (match[1], labels) not in found
            found[match[1], labels] = float(match[3])
    return found


def total(found: dict, name: str, **wanted: str) -> float:
    return sum(value for (of, labels), value in found.items() if of == name and wanted.items() <= dict(labels).items())


def watched(request) -> tuple[Metrics, Any]:
    metrics = Metrics()
    return metrics, run(replace(request, events=metrics))


def test_the_page_has_the_numbers_of_the_summary(toys) -> None:
    metrics, summary = watched(toys.request("A", "B", "FLAT", "SHORT"))
    found = samples(metrics.render())
    for state, number in (("done", summary.done), ("quarantined", summary.quarantined), ("missing", 0), ("reused", 0)):
        assert total(found, "fleetspec_jobs", state=state) == number, state
    assert total(found, "fleetspec_jobs") == summary.jobs
    assert total(found, "fleetspec_job_seconds_total") == pytest.approx(summary.fit_seconds, abs=1e-4)
    assert total(found, "fleetspec_run_state", state="done") == total(found, "fleetspec_run_state") == 1
    assert total(found, "fleetspec_quarantined_models") == summary.quarantined_models
    assert total(found, "fleetspec_models") == summary.models
    assert total(found, "fleetspec_bundles_running") == 0
    started, done = (total(found, "fleetspec_bundles_total", state=state) for state in ("started", "done"))
    assert started == done > 0
    again = samples(watched(toys.request("A", "B", "FLAT", "SHORT"))[0].render())
    assert total(again, "fleetspec_jobs", state="reused") == summary.done
    assert total(again, "fleetspec_jobs", state="quarantined") == summary.quarantined


def test_every_metric_is_exported_and_its_labels_are_bounded(toys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The events of a whole life: a run with everything in it that can happen."""
    assert LABELS == BOUNDED
    metrics, seen = Metrics(), []
    run(replace(toys.request("A", "FLAT"), events=seen.append))
    bundle = {name: getattr(seen[1], name) for name in told.OfBundle.__struct_fields__}
    lost = [told.BundleStarted(**bundle, seconds=1.0), told.BundleLost(**bundle, why="death", cause="killed"),
            told.Retry(**bundle, why="death"), told.JobsFailed(**bundle, cause="no space")]  # fmt: skip
    pages = []
    for event in seen[:-1] + lost:
        metrics(event)
        pages.append(metrics.render())
    metrics(seen[-1])
    found = samples("\n".join(pages[-1:]))
    assert {name for name, _ in found} == set(METRICS)
    for name, labels in found:
        assert tuple(label for label, _ in labels) == METRICS[name].labels
        assert {label for label, _ in labels} <= set(BOUNDED)
    assert all(METRICS[name].labels and METRICS[name].about for name in METRICS)
    counters = {name for name, metric in METRICS.items() if metric.kind == "counter"}
    assert counters == {name for name in METRICS if name.endswith("_total")}


def test_the_page_does_not_grow_with_the_fleet(toys) -> None:
    few, _ = watched(toys.request("A", "FLAT"))
    many, _ = watched(toys.request("FLAT", "SHORT", *(f"N{i:03d}" for i in range(60))))
    assert samples(few.render()).keys() == samples(many.render()).keys()
    assert not re.search(r"run-0001|flat|n003", many.render())


def test_label_values_are_escaped() -> None:
    metrics = Metrics()
    metrics(told.RunEnded(time="t", number=1, fleet='a"b\\c\nd', run=None, state="done", wall_seconds=1.0))
    assert r'fleet="a\"b\\c\nd"' in metrics.render()
    samples(metrics.render())


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.status, answer.headers["Content-Type"], answer.read().decode()


def test_a_run_can_be_scraped_while_it_lasts_and_not_after_it(toys) -> None:
    said: list[str] = []
    pages: list[str] = []
    with listening(None, ("127.0.0.1", 0), said.append) as listener:
        (url,) = re.findall(r"http://\S+", said[0])

        def hear(event: told.Event) -> None:
            listener(event)
            if isinstance(event, told.BundleDone):
                status, kind, page = get(url)
                assert (status, kind) == (200, CONTENT_TYPE)
                pages.append(page)

        run(replace(toys.request("A", "B"), events=hear))
        assert total(samples(get(url)[2]), "fleetspec_run_state", state="done") == 1
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(url.replace("/metrics", "/"))
    done = [total(samples(page), "fleetspec_jobs", state="done") for page in pages]
    assert done == sorted(done)
    assert total(samples(pages[0]), "fleetspec_run_state", state="running") == 1
    with pytest.raises(urllib.error.URLError):
        get(url)


def test_the_end_does_not_wait_for_a_reader(toys) -> None:
    begun = time.monotonic()
    with serving(Metrics(), "127.0.0.1", 0) as url:
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        reader = socket.create_connection(("127.0.0.1", port))
        reader.send(b"GET /met")
        time.sleep(0.2)
    assert time.monotonic() - begun < 5
    reader.close()


def test_a_port_that_is_taken_stops_the_run_before_it_begins() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Rejected, match="cannot be served"), serving(Metrics(), "127.0.0.1", port):
            pytest.fail("it was served")


@pytest.mark.parametrize(
    ("text", "address"),
    [("9464", ("127.0.0.1", 9464)), ("0.0.0.0:9464", ("0.0.0.0", 9464)), ("[::1]:9464", ("::1", 9464))],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "abc", "70000", "9464:", "-1", "host"])
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="is no port"):
        parse_address(text)


def expressions() -> list[str]:
    board = json.loads((OPS / "grafana.json").read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    alerts = yaml.safe_load((OPS / "alerts.yaml").read_text())
    found += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    return found + [variable["definition"] for variable in board["templating"]["list"] if "definition" in variable]


def test_board_and_alerts_name_metrics_that_exist_with_labels_they_have() -> None:
    used: set[str] = set()
    for expression in expressions():
        bare = re.sub(r'"[^"]*"', '""', expression)
        names = re.findall(r"\bfleetspec_\w+", bare)
        assert names, expression
        used |= set(names)
        assert set(names) <= set(METRICS), expression
        for name, matchers in re.findall(r"(fleetspec_\w+)\{([^}]*)\}", bare):
            assert set(re.findall(r"(\w+)\s*[=!]~?", matchers)) <= set(METRICS[name].labels), expression
        having = set.union(*(set(METRICS[name].labels) for name in names))
        for labels in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", bare):
            assert {label.strip() for label in labels.split(",")} <= having, expression
        for call, inner in re.findall(r"\b(rate|increase)\((fleetspec_\w+)", bare):
            assert METRICS[inner].kind == "counter", (call, expression)
    assert used == set(METRICS)


def test_board_and_alerts_say_labels_their_expressions_keep() -> None:
    board = json.loads((OPS / "grafana.json").read_text())
    said = [(t["expr"], t["legendFormat"], r"\{\{(\w+)\}\}") for panel in board["panels"] for t in panel["targets"]]
    alerts = yaml.safe_load((OPS / "alerts.yaml").read_text())
    for rule in (rule for group in alerts["groups"] for rule in group["rules"]):
        assert rule["labels"]["severity"] in ("critical", "warning")
        said += [(rule["expr"], text, r"\$labels\.(\w+)") for text in rule["annotations"].values()]
    for expression, text, pattern in said:
        kept = {label.strip() for labels in re.findall(r"\bby \(([^)]*)\)", expression) for label in labels.split(",")}
        if not kept:
            kept = set.intersection(*(set(METRICS[n].labels) for n in re.findall(r"\bfleetspec_\w+", expression)))
        assert set(re.findall(pattern, text)) <= kept <= set(BOUNDED), (expression, text)


def test_panels_do_not_overlap_and_say_what_they_show() -> None:
    panels = json.loads((OPS / "grafana.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
        assert panel["description"].endswith(".")
    assert len({panel["id"] for panel in panels}) == len(panels)
