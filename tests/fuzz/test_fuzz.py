"""Random files through the whole reading: nothing may end in anything but a document or findings.

``make fuzz`` runs many more of them, and a fuzzer that looks where the code branches (``fuzz_atheris.py``).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from whole_reading import CUT, read_whole

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
CASES = sorted((Path(__file__).parents[1] / "language" / "cases").rglob("*.yaml"))
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "60"))
SOUND = next(path for path in CORPUS if path.name == "sound.txt").read_bytes()
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

keys = st.sampled_from(
    [
        "apiVersion", "kind", "name", "owner", "extends", "vars", "data", "universes", "horizons", "features", "models",
        "fleet", "backtest", "schedule", "budget", "hardware", "cluster", "quality", "seed", "type", "default", "min",
        "max", "choices", "about", "family", "families", "target", "train", "refit", "levels", "params", "over",
        "series", "calendar", "bar", "start", "deadline", "nightly", "cpu", "memory", "price", "offer", "per", "step",
        "tests", "within", "v", "w", "-x", "+x", "x!",
    ]
)  # fmt: skip
signs = st.sampled_from(["", "+", "-", "!"])
signed = st.builds(lambda sign, key: f"{key}!" if sign == "!" else sign + key, signs, keys)
scalars = st.sampled_from(
    [
        "fleetspec/v1", "Fleet", "Defaults", "garch", "vol-scaled", "variance", "1 bar", "20 bars", "5 sessions",
        "1h30m", "60 USD", "0.1 USD/h", "8Gi", "99%", "XNYS", "24/5", "close + 45m", "all", "auto", "8", "1e-4",
        "1e999", "9" * 400, "", "''", '"\\0"', "~", "ON", "16:00", "base.yaml", "../x.yaml", "/etc/passwd",
        "momentum(5)", "synthetic:market", '"${var.v}"', '"${var.w}"', '"${env.SITE}"', '"${env.NO}"', '"${secret.s}"',
        '"$${x}"',
        '"${"', '"${x}"', "&a x", "*a", "!x y", "| \n  x", "> \n  x", "# x", "\t", "éß", "🙂", "int", "text", "share",
    ]
)  # fmt: skip
flows = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(st.tuples(signed, inner), max_size=4).map(
            lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=8,
)
lines = st.builds(lambda indent, key, value: f"{'  ' * indent}{key}: {value}\n", st.integers(0, 2), signed, flows)
texts = st.lists(lines, max_size=12).map("".join)
heads = st.sampled_from(
    ["", "apiVersion: fleetspec/v1\nkind: Fleet\n", "apiVersion: fleetspec/v1\nkind: Fleet\nextends: [base.yaml]\n"]
)
below = texts.map(lambda text: "apiVersion: fleetspec/v1\nkind: Defaults\n" + text)
files = st.builds(
    lambda head, *parts: CUT.join(p.encode() for p in (head + parts[0], *parts[1:])), heads, texts, below, below
)


@st.composite
def edits(draw: st.DrawFn) -> bytes:
    """A sound spec with a few lines, words or bytes of it moved, doubled, cut out or replaced."""
    data = SOUND
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        new = draw(
            scalars.map(str.encode) | lines.map(str.encode) | st.binary(max_size=4) | st.just(data[start:end] * 2)
        )
        data = data[:start] + new + data[end:]
    return data


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_corpus(path: Path, tmp_path: Path) -> None:
    read_whole(path.read_bytes(), tmp_path)


def test_every_case_of_the_language(tmp_path: Path) -> None:
    for path in CASES:
        read_whole(path.read_bytes(), tmp_path)


@SETTINGS
@given(st.binary(max_size=200))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    read_whole(data, tmp_path)


@SETTINGS
@given(files)
def test_files_of_the_words_of_the_language(tmp_path: Path, data: bytes) -> None:
    read_whole(data, tmp_path)


@SETTINGS
@given(edits())
def test_a_sound_spec_with_a_few_edits(tmp_path: Path, data: bytes) -> None:
    read_whole(data, tmp_path)
