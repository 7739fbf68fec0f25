"""N-BEATS: learns, reloads from its weights alone, and leaves the process as it was."""

from __future__ import annotations

import random

import numpy as np
import pytest
from family_cases import fit_request, forecast_request, installed

from fleetspec.family import FitRequest, ForecastRequest, Rejection, SeriesWindow


@pytest.fixture
def pattern() -> SeriesWindow:
    """Returns that repeat every four bars: what any network should learn."""
    beat = np.array([0.02, -0.01, 0.005, -0.015])
    dates = np.datetime64("2020-01-01") + np.arange(400)
    noise = np.random.default_rng(0).normal(0, 1e-4, 400)
    return SeriesWindow("beat", dates, np.tile(beat, 100) + noise, None)


def test_learns_a_pattern(pattern):
    family = installed("nbeats")
    params = family.params(
        backcast="8", hidden="32", blocks="1", layers="2", epochs="40", learning_rate="0.01", dropout="0", batch="64"
    )
    fit = family.fit(FitRequest((pattern.head(300),), params, (), 2, seed=1))
    made = family.forecast(ForecastRequest(fit, (pattern,), 300, (2,), params, ()))
    realised = pattern.returns[301:-1] + pattern.returns[302:]
    error = np.sqrt(np.mean((made.value[:-2] - realised) ** 2))
    assert error < 0.2 * realised.std()
    assert fit.estimates["loss"] < 0.1


@pytest.mark.filterwarnings("ignore:Attribute")
def test_weights_alone_make_the_forecast(windows):
    """The same bytes loaded by hand into a network give the same numbers."""
    family = installed("nbeats")
    import torch
    from pytorch_forecasting import NBeats
    from safetensors.torch import load

    fit = family.fit(fit_request(family, (windows[0].head(300),)))
    made = family.forecast(forecast_request(family, fit, (windows[0],), 399))
    network = NBeats(
        stack_types=["generic"],
        num_blocks=[1],
        num_block_layers=[1],
        widths=[8],
        sharing=[False],
        expansion_coefficient_lengths=[32],
        prediction_length=2,
        context_length=20,
        output_transformer=lambda output: output["prediction"],
    )
    network.load_state_dict(load(fit.artifact))
    network.eval()
    before = windows[0].returns[380:]
    scaled = torch.tensor(before / before.std(), dtype=torch.float32).reshape(1, 20, 1)
    with torch.no_grad():
        steps = network({"encoder_cont": scaled, "target_scale": torch.ones(1, 2)})["prediction"]
    assert made.value[0] == pytest.approx(float(steps.sum()) * before.std(), rel=1e-5)


def test_examples_are_pooled_and_counted(windows):
    family = installed("nbeats")
    fit = family.fit(fit_request(family, tuple(w.head(300) for w in windows)))
    # 300 bars hold 300 - 20 - 2 + 1 stretches of 22 bars.
    assert fit.observations == 3 * 279


def test_seeds_differ(windows):
    family = installed("nbeats")
    one, two = (family.fit(fit_request(family, windows[:1], seed=seed)) for seed in (1, 2))
    assert one.artifact != two.artifact


def test_generators_and_threads_are_put_back(windows):
    family = installed("nbeats")
    import torch

    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    threads = torch.get_num_threads()
    family.fit(fit_request(family, windows[:1]))
    drawn = (float(torch.rand(1)), random.random(), np.random.random())
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)
    assert drawn == (float(torch.rand(1)), random.random(), np.random.random())
    assert torch.get_num_threads() == threads


def test_the_device_used_is_recorded(windows):
    family = installed("nbeats")
    import torch

    request = fit_request(family, windows[:1])
    wanted = FitRequest(request.windows, request.params, (), request.horizon, 3, device="cuda")
    assert family.fit(wanted).device == ("cuda" if torch.cuda.is_available() else "cpu")


def test_interpretable_stacks(windows):
    family = installed("nbeats")
    fit = family.fit(fit_request(family, windows[:1], stacks="interpretable"))
    made = family.forecast(forecast_request(family, fit, windows[:1], 399, stacks="interpretable"))
    assert np.isfinite(made.value).all()


def test_a_window_shorter_than_an_example(windows):
    family = installed("nbeats")
    with pytest.raises(Rejection, match="150 usable bars, at least 202 are needed"):
        family.fit(fit_request(family, (windows[0].head(150),), backcast="200"))


def test_origins_without_a_backcast_are_left_out(windows):
    family = installed("nbeats")
    fit = family.fit(fit_request(family, windows[:1]))
    made = family.forecast(forecast_request(family, fit, (windows[0].head(25),), 0))
    np.testing.assert_array_equal(made.origin, windows[0].dates[19:25])
    with pytest.raises(Rejection, match="no origin has 20 bars"):
        family.forecast(forecast_request(family, fit, (windows[0].head(10),), 0))


def test_a_pegged_stretch_does_not_blow_up_the_others() -> None:
    from fleetspec.families.nbeats import _examples

    rng = np.random.default_rng(3)
    returns = np.concatenate([np.full(120, 1e-4), rng.standard_normal(200) * 0.01])
    dates = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-01-01") + len(returns))
    inputs, labels = _examples(SeriesWindow("PEG", dates, returns, None), 60, 1)
    # Scaled by the deviation of their own backcast, inputs of 60 bars stay below sqrt(60); labels may stand out.
    assert np.abs(inputs).max() < 60
    assert np.abs(labels).max() < 1e4
