"""`init`: a first spec, the schema beside it, and what it says where it cannot draft one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator


def fleetspec(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fleetspec", *arguments]
    environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_init_writes_a_formatted_spec_and_its_schema(tmp_path: Path) -> None:
    assert fleetspec("init", folder=tmp_path).returncode == 0
    spec, schema = tmp_path / "fleet.yaml", tmp_path / "fleet.schema.json"
    assert spec.read_text().startswith("# yaml-language-server: $schema=fleet.schema.json\n")
    assert fleetspec("fmt", "--check", "fleet.yaml", folder=tmp_path).returncode == 0
    assert Draft202012Validator(json.loads(schema.read_text())).is_valid(yaml.safe_load(spec.read_text()))
    schema.write_text(schema.read_text().replace("Text", "Txt"))
    assert fleetspec("init", "--force", folder=tmp_path).returncode == 0
    assert "Txt" not in schema.read_text()


def test_init_leaves_a_file_of_that_name_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "fleet.schema.json").write_text("{}")
    assert fleetspec("init", folder=tmp_path).returncode == 0
    assert (tmp_path / "fleet.schema.json").read_text() == "{}"


def test_columns_that_say_nothing_of_themselves(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("a,b,c\n1,2,3\n")
    answer = fleetspec("init", "prices.csv", folder=tmp_path)
    assert answer.returncode == 1
    assert "error[FS021]" in answer.stderr
    assert "it has a, b, c" in answer.stderr
    assert not (tmp_path / "fleet.yaml").exists()


def test_series_that_are_too_short_do_not_stop_the_first_run(tmp_path: Path) -> None:
    """Of 40 series one is young: its models are set aside, and 2 % of models would be too few for the run to count."""
    rows = ["ticker,date,close"]
    days = [f"{2020 + month // 12}-{month % 12 + 1:02d}-{day:02d}" for month in range(12) for day in range(1, 28)]
    for number in range(40):
        for day in days[250 if number == 0 else 0 :]:
            rows.append(f"T{number:02d},{day},{100 + hash((number, day)) % 7}")
    (tmp_path / "bars.csv").write_text("\n".join(rows) + "\n")
    answer = fleetspec("init", "bars.csv", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "max_quarantined: 4%" in answer.stderr + answer.stdout
    assert yaml.safe_load((tmp_path / "fleet.yaml").read_text())["quality"]["max_quarantined"] == "4%"


def test_a_folder_with_a_file_per_series(tmp_path: Path) -> None:
    """From a vendor's folder to a lock of every series in it, and what is added later is seen by the next lock."""
    days = [f"{2023 + month // 12}-{month % 12 + 1:02d}-{day:02d}" for month in range(12) for day in range(1, 28)]
    (tmp_path / "prices").mkdir()

    def series(name: str, first: int) -> None:
        lines = [f"{day},{100 + (first * number) % 7},{number}" for number, day in enumerate(days)]
        (tmp_path / "prices" / f"{name}.csv").write_text("Date,Close,Volume\n" + "\n".join(lines) + "\n")

    series("AAPL", 3)
    series("ON", 5)
    answer = fleetspec("init", "prices", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "each of 2 files is one series" in answer.stdout
    assert "{from: prices, time: Date, price: Close, volume: Volume}" in (tmp_path / "fleet.yaml").read_text()
    assert fleetspec("lock", "fleet.yaml", folder=tmp_path).returncode == 0
    first = (tmp_path / "fleet.lock").read_text()
    assert "AAPL" in first
    series("MSFT", 4)
    assert fleetspec("compile", "fleet.yaml", folder=tmp_path).returncode == 0
    assert fleetspec("lock", "fleet.yaml", folder=tmp_path).returncode == 0
    assert "MSFT" in (tmp_path / "fleet.lock").read_text()
    assert "MSFT" not in first
