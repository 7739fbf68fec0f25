"""Families are found by listing the folder and the entry points."""

from __future__ import annotations

import contextlib
import copy
import subprocess
import sys
from importlib import metadata
from importlib.metadata import EntryPoint

import pytest

from fleetspec import families
from fleetspec.families import registry
from fleetspec.family import Rejection


def test_all_are_found():
    assert list(registry()) == [
        "arima",
        "average",
        "catboost",
        "dcc",
        "egarch",
        "elasticnet",
        "ets",
        "garch",
        "gjr",
        "har",
        "lasso",
        "lightgbm",
        "nbeats",
        "prophet",
        "ridge",
        "tgarch",
        "vol-scaled",
        "xgboost",
    ]
    assert "garch" in registry()
    assert registry().get("garhc") is None


def test_finding_them_loads_nothing_heavy():
    code = (
        "import sys; from fleetspec.families import registry; list(registry().families.values());"
        "heavy = {'arch', 'torch', 'xgboost', 'lightgbm', 'sklearn', 'scipy', 'pandas', 'pytorch_forecasting'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def entry(monkeypatch, name: str, *values: str) -> None:
    points = [EntryPoint(name, value, families.ENTRY_POINTS) for value in values]
    monkeypatch.setattr(metadata, "entry_points", lambda group: points if group == families.ENTRY_POINTS else [])


ELSEWHERE = """\
from msgspec.structs import replace
from fleetspec.families.garch import FAMILY as GARCH
FAMILY = replace(GARCH, name='elsewhere')
"""


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    (tmp_path / "elsewhere_family.py").write_text(ELSEWHERE)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_module_elsewhere(monkeypatch, elsewhere):
    entry(monkeypatch, "elsewhere", "elsewhere_family")
    known = registry()
    assert known["elsewhere"].summary == known["garch"].summary
    assert "elsewhere" in known
    assert "elsewhere" in list(known)
    assert len(known.families) == len(list(known))


def test_shipped_families_need_no_search(monkeypatch):
    monkeypatch.setattr(metadata, "entry_points", lambda group: pytest.fail("garch is shipped"))
    assert registry()["garch"].name == "garch"
    assert "vol-scaled" in registry()


def test_only_what_is_asked_for_is_loaded():
    code = (
        "import sys; from fleetspec.families import registry; known = registry(); 'gjr' in known; known['har'];"
        "print(*sorted(m for m in sys.modules if m.startswith('fleetspec.families.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["fleetspec.families.har"]


def test_two_of_one_name(monkeypatch):
    entry(monkeypatch, "vol-scaled", "elsewhere_family")
    with pytest.raises(ValueError, match=r"'vol-scaled' is defined twice: in fleetspec\.families\.vol_scaled and in"):
        list(registry())
    entry(monkeypatch, "mine", "one", "other")
    with pytest.raises(ValueError, match="'mine' is defined twice: in one and in other"):
        registry().get("unknown")


def test_something_that_is_no_family(monkeypatch):
    entry(monkeypatch, "mine", "json")
    with pytest.raises(TypeError, match="json exposes no FAMILY"):
        registry().get("mine")


def test_a_family_that_calls_itself_otherwise(monkeypatch, elsewhere):
    entry(monkeypatch, "mine", "elsewhere_family")
    with pytest.raises(ValueError, match="installed as 'mine' and calls its family 'elsewhere'"):
        registry()["mine"]


def test_a_rejection_passes_through_everything():
    """Context managers set its traceback, executors send it between processes."""

    @contextlib.contextmanager
    def managed():
        yield

    with pytest.raises(Rejection) as caught, managed():
        raise Rejection("no usable bars")
    assert caught.value.reason == str(caught.value) == "no usable bars"
    assert copy.copy(caught.value).reason == "no usable bars"
