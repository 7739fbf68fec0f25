"""What every family must do, whatever it models: a new family is covered by existing. And that the checks can fail."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from family_cases import SMALL, installed
from msgspec import structs
from pydantic import ConfigDict

from fleetspec.families import registry
from fleetspec.family import Family, Fit, Forecasts, Params, Profile
from fleetspec.testing import CHECKS, NonConformance, Trial, check_family


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", tuple(registry()))
def test_shipped_families(name, check):
    CHECKS[check](Trial(installed(name), SMALL.get(name, {})))


def plain_fit(request):
    request.require(20)
    return Fit({"variance": float(np.var(request.windows[0].returns))}, len(request.windows[0]))


def plain_forecast(request):
    (window,) = request.windows
    origins = range(request.first_origin, len(window))
    recent = np.array([np.var(window.returns[t - 19 : t + 1]) for t in origins])
    return Forecasts.joined(
        Forecasts.block(window.series, window.dates[request.first_origin :], h, "variance", h * recent)
        for h in request.horizons
    )


PLAIN = Family(
    name="plain",
    version="1",
    summary="variance of the last twenty bars",
    params=Params,
    targets=frozenset({"variance"}),
    per=frozenset({"series"}),
    horizon_free=True,
    uses_features=False,
    min_bars=20,
    profile=Profile(memory_mib=200, basis="assumed: a worker with numpy"),
    fit=plain_fit,
    forecast=plain_forecast,
)


def test_a_family_written_by_the_contract_conforms():
    check_family(PLAIN)


def drawing(request):
    return Fit({"variance": float(np.random.default_rng().random())}, 1)


def printing(request):
    print("hello")
    with open("scratch.txt", "w") as file:
        file.write("x")
    return plain_fit(request)


def writing(request):
    for window in request.windows:
        window.returns.flags.writeable = True
        window.returns[0] = 0.0
    return plain_fit(request)


def pickled(request):
    return structs.replace(plain_fit(request), artifact=b"\x80\x04.")


def later(request):
    whole = float(np.var(request.windows[0].returns))
    made = plain_forecast(request)
    return structs.replace(made, value=made.value + whole)


def unordered(request):
    made = plain_forecast(request)
    return made.at(np.arange(len(made)) % 3 > 0)


class Loose(Params):
    model_config = ConfigDict(extra="allow")


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"fit": drawing}, "the same request gives the same result"),
        ({"fit": drawing}, "unusable series are rejected"),
        ({"fit": printing}, "nothing is printed or left behind"),
        ({"fit": pickled}, "artifacts are data"),
        ({"fit_many": lambda requests: [drawing(r) for r in requests]}, "bundles give what single calls give"),
        ({"forecast": later}, "no look at later bars"),
        ({"forecast": unordered}, "forecasts are what was asked for"),
        ({"params": Loose}, "parameters survive plain data"),
        ({"profile": Profile(memory_mib=0, basis="measured")}, "says what it is"),
        ({"min_bars": 10}, "the smallest window can be fitted"),
        ({"per": frozenset({"series", "universe"})}, "a universe's members are all forecast"),
    ],
)
def test_each_breach_is_named(change, check, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where one of them leaves a file behind
    with pytest.raises(NonConformance) as caught:
        check_family(structs.replace(PLAIN, **change))
    assert f"- {check}: " in str(caught.value)
    assert "'plain' does not conform" in str(caught.value)


def test_writing_into_a_window_is_named():
    """The arrays are read-only; a family that lifts that is found out."""
    with pytest.raises(NonConformance, match=r"it has written into the arrays|cannot set WRITEABLE"):
        check_family(structs.replace(PLAIN, fit=writing))


def test_the_example_package_conforms(monkeypatch, request):
    root = request.config.rootpath / "examples" / "family-ewma" / "src"
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.delitem(sys.modules, "fleetspec_ewma", raising=False)
    import fleetspec_ewma

    check_family(fleetspec_ewma.FAMILY)
