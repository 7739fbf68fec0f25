"""Families are found by listing the folder and the entry points."""

from __future__ import annotations

import contextlib
import copy
import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from fleetspec import families
from fleetspec.families import registry, vol_scaled
from fleetspec.family import Rejection


def test_all_are_found():
    assert list(registry()) == [
        "arima",
        "average",
        "egarch",
        "elasticnet",
        "garch",
        "gjr",
        "har",
        "nbeats",
        "tgarch",
        "vol-scaled",
        "xgboost",
    ]
    assert "garch" in registry()
    assert registry().get("garhc") is None


def test_finding_them_loads_nothing_heavy():
    code = (
        "import sys; from fleetspec.families import registry; registry();"
        "heavy = {'arch', 'torch', 'xgboost', 'sklearn', 'scipy', 'pandas', 'pytorch_forecasting'};"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def entry(monkeypatch, value: str) -> None:
    point = EntryPoint("extra", value, families.ENTRY_POINTS)
    monkeypatch.setattr(families, "entry_points", lambda group: [point] if group == families.ENTRY_POINTS else [])


def test_a_module_elsewhere(monkeypatch, tmp_path):
    (tmp_path / "elsewhere_family.py").write_text(
        "from msgspec.structs import replace\nfrom fleetspec.families.garch import FAMILY as GARCH\n"
        "FAMILY = replace(GARCH, name='elsewhere')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    entry(monkeypatch, "elsewhere_family")
    assert registry()["elsewhere"].summary == registry()["garch"].summary


def test_two_of_one_name(monkeypatch):
    entry(monkeypatch, f"{vol_scaled.__name__}:FAMILY")
    with pytest.raises(ValueError, match=r"'vol-scaled' is defined twice: in fleetspec\.families\.vol_scaled and in"):
        registry()


def test_something_that_is_no_family(monkeypatch):
    entry(monkeypatch, "json")
    with pytest.raises(TypeError, match="json exposes no FAMILY"):
        registry()


def test_a_rejection_passes_through_everything():
    """Context managers set its traceback, executors send it between processes."""

    @contextlib.contextmanager
    def managed():
        yield

    with pytest.raises(Rejection) as caught, managed():
        raise Rejection("no usable bars")
    assert caught.value.reason == str(caught.value) == "no usable bars"
    assert copy.copy(caught.value).reason == "no usable bars"
