"""Capacities nobody has, on the command line: a finding with its code, line and way out, or a plan that is right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from test_given import SPEC

from fleetspec.cli import main

SOUND = re.sub(r"^vars:\n(?:  .*\n)+", "", SPEC, flags=re.MULTILINE)
for _name, _value in (("series", "3"), ("train", "500 bars"), ("nightly", "5 USD")):
    SOUND = SOUND.replace(f'"${{var.{_name}}}"', _value)
LAPTOP = "laptop: {cpu: 2, memory: 8Gi, price: 0.10 USD/h, max: 1, boot: 0s}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("hostile")
    (made / "fleet.yaml").write_text(SOUND)
    run(["lock", str(made / "fleet.yaml")])
    return made


def run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ending:
        main(arguments)
    assert isinstance(ending.value.code, int | None)
    return ending.value.code or 0


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("memory: 8Gi", "memory: 0Gi", 1, "error[FS228]: memory is 0"),
        ("memory: 8Gi", "memory: 100Mi", 3, "error[FS320]: of a node of 'laptop', 2 cores and 0 MiB"),
        ("memory: 8Gi", "memory: 300Mi", 3, "error[FS303]: "),
        ("max: 1", "max: 0", 1, "error[FS228]: max is 0"),
        ("max: 1", "max: 1000000000", 1, "error[FS228]: max is 1,000,000,000 nodes"),
        ("0.10 USD/h", "nan USD/h", 1, "error[FS103]: 'nan USD/h' is not a price per hour"),
        ("0.10 USD/h", "-0.10 USD/h", 1, "error[FS103]: '-0.10 USD/h' is not a price per hour"),
        ("0.10 USD/h", "1e400 USD/h", 1, "error[FS103]: '1e400' is too large"),
        ("boot: 0s", "boot: 0s, spot: {price: -1 USD/h, preempt: 4%/h}", 1, "error[FS103]: '-1 USD/h'"),
        ("boot: 0s", "boot: 10d", 3, "error[FS301]: "),
        ("deadline: open - 90m", "deadline: close + 46m", 1, "error[FS2"),
        ("start: close + 45m", "start: close + 15h59m", 3, "error[FS301]: "),
        ("5 USD", "0 USD", 1, "error[FS228]: nothing can be run for 0.00 USD"),
        ("deadline: open - 90m", "deadline: open - 90m, on_time: 100%", 1, "error[FS228]: 100% of nights"),
    ],
)
def test_a_hostile_figure(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, code: int, words: str
) -> None:
    spec = folder / "fleet.yaml"
    assert old in SOUND
    spec.write_text(SOUND.replace(old, new))
    ended = run(["plan", str(spec)])
    said = capsys.readouterr()
    assert ended == code, said.err
    assert words in said.err
    assert "fleet.yaml:" in said.err
    assert "help: " in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("0.10 USD/h", "0 USD/h", "FEASIBLE"),
        (LAPTOP, "\n  ".join(LAPTOP.replace("laptop", name) for name in ("a", "b", "c")), "FEASIBLE"),
    ],
    ids=["free", "alike"],
)
def test_what_is_odd_is_planned(
    folder: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    spec = folder / "fleet.yaml"
    spec.write_text(SOUND.replace(old, new))
    assert run(["plan", str(spec)]) == 0
    assert words in capsys.readouterr().out
