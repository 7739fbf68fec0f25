"""The house rules that import-linter does not see."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "fleetspec").rglob("*.py"))


def test_no_drawer_without_a_name() -> None:
    drawers = {"utils.py", "util.py", "helpers.py", "common.py", "misc.py", "base.py"}
    assert not [path for path in MODULES if path.name in drawers]


def test_no_file_has_two_rooms_in_it() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in MODULES}
    assert not {name: lines for name, lines in lengths.items() if lines > 420}


def test_every_module_says_what_it_is_for() -> None:
    empty = [path for path in MODULES if path.read_text().strip() and not re.match(r'\s*"""', path.read_text())]
    assert not empty


def test_nothing_is_unpickled_and_no_yaml_tag_is_built() -> None:
    pattern = re.compile(
        r"\bpickle\.loads?\(|\byaml\.(unsafe_load|full_load|load)\(|torch\.load\((?!.*weights_only=True)"
    )
    assert not [path for path in MODULES if pattern.search(path.read_text())]
