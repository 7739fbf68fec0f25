"""``diff --write``: the forms of one review, as a CI job asks for them in the repository of the history."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from in_process import Run
from scripted_history import History


def test_every_form_in_one_go(history: History, fleets: Run, tmp_path: Path) -> None:
    base, head = history.pair("raise trials")
    out = tmp_path / "out"
    kinds = {"json": "review.json", "summary": "summary.md", "annotations": "annotations.txt",
             "code-quality": "quality.json", "widget": "widget.json", "page": "review.html", "charts": "charts",
             "plans": "plans", "outputs": "outputs"}  # fmt: skip
    wanted = [word for kind, name in kinds.items() for word in ("--write", f"{kind}={out / name}")]
    out.mkdir()
    answer = fleets("diff", f"{base}..{head}", *wanted)
    assert answer.code == 0, answer.err
    assert "6 changed" in answer.out
    held = json.loads((out / "review.json").read_text())
    assert held == fleets("diff", f"{base}..{head}", "--format", "json").json
    outputs = dict(line.split("=", 1) for line in (out / "outputs").read_text().splitlines())
    assert (outputs["retrained"], outputs["changes"], outputs["verdict"]) == ("6", "true", "holds")
    assert outputs["cost-head"] == f"{held['total']['cost_usd']['head']:.6f}"
    assert outputs["page-path"] == str(out / "review.html")
    assert json.loads((out / "widget.json").read_text()) == {"create": 0, "update": 6, "delete": 0}
    (issue,) = json.loads((out / "quality.json").read_text())
    assert issue["location"]["path"] == "specs/fleet.yaml"
    line = issue["location"]["lines"]["begin"]
    assert f"file=specs/fleet.yaml,line={line}," in (out / "annotations.txt").read_text()
    assert "trials: 8" in history.git("show", f"{head}:specs/fleet.yaml").splitlines()[line - 1]
    assert "### fleetspec: ✅" in (out / "summary.md").read_text()
    page = (out / "review.html").read_text()
    assert "Who works when" in page
    assert "models.tuned.search.trials" in page
    assert {"costs.svg", "ends.svg", "01-stages-head.svg"} <= {one.name for one in (out / "charts").iterdir()}
    # A plan that is saved from a ref is the one that is saved from its files.
    history.git("worktree", "add", "-q", str(tmp_path / "tree"), head)
    made = fleets("plan", str(tmp_path / "tree/specs/fleet.yaml"), "--store", str(tmp_path / "none"), "--out",
                  str(tmp_path / "own.fsp"))  # fmt: skip
    history.git("worktree", "remove", "--force", str(tmp_path / "tree"))
    assert made.code == 0, made.err
    digests = [
        hashlib.sha256(file.read_bytes()).digest() for file in (out / "plans/specs/fleet.fsp", tmp_path / "own.fsp")
    ]
    assert digests[0] == digests[1]


def test_one_edit_undone_is_the_plan_without_it(history: History, fleets: Run, tmp_path: Path) -> None:
    base, head = history.pair("price change")
    page = tmp_path / "review.html"
    assert fleets("diff", f"{base}..{head}", "--write", f"page={page}").code == 0
    total = fleets("diff", f"{base}..{head}", "--format", "json").json["total"]["cost_usd"]
    from fleetspec.sheets.figures import usd

    rows = page.read_text().split("What each edit does by itself")[1]
    assert "hardware.box.price" in rows
    assert usd(total["base"]) in rows
    assert f"-{usd(total['head'] - total['base'])}" in rows


def test_shared_files_are_appended_to_and_a_form_on_stdout_is_alone(
    history: History, fleets: Run, tmp_path: Path
) -> None:
    base, head = history.pair("owner")
    shared = tmp_path / "outputs"
    shared.write_text("earlier=1\n")
    answer = fleets("diff", f"{base}..{head}", "--write", f"outputs={shared}", "--write", "widget=-")
    assert shared.read_text().startswith("earlier=1\nchanges=true\n")
    assert json.loads(answer.out) == {"create": 0, "update": 0, "delete": 0}


def test_a_broken_spec_still_has_its_forms_and_says_why(history: History, fleets: Run, tmp_path: Path) -> None:
    base, head = history.pair("conflict markers")
    answer = fleets("diff", f"{base}..{head}", "--write", "annotations=-", "--write", f"plans={tmp_path / 'plans'}",
                    "--write", f"page={tmp_path / 'p.html'}", "--write", f"outputs={tmp_path / 'o'}")  # fmt: skip
    assert answer.code == 1
    assert answer.out.startswith("::error title=FS039,file=specs/fleet.yaml,line=6,")
    assert "FS039" in answer.err
    assert "plans-path" not in (tmp_path / "o").read_text()
    assert "<<<<<<< HEAD".replace("<", "&lt;") in (tmp_path / "p.html").read_text()


def test_what_cannot_be_written_is_said(history: History, fleets: Run, tmp_path: Path) -> None:
    for wanted, said in (("json", "names no file"), ("pdf=x", "is none of"), ("plans=-", "name a folder")):
        answer = fleets("diff", "HEAD~1..HEAD", "--write", wanted)
        assert (answer.code, said in answer.err) == (64, True), wanted
    twice = fleets("diff", "HEAD~1..HEAD", "--write", "json=a", "--write", "json=b")
    assert "given twice" in twice.err
    base, head = (f"{commit}:specs/fleet.yaml" for commit in history.pair("owner"))
    two = fleets("diff", base, head, "--write", f"json={tmp_path / 'a'}")
    assert (two.code, two.out) == (64, "")
    assert not (tmp_path / "a").exists()
