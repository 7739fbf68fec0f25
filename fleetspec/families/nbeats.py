"""N-BEATS on pooled windows of returns (Oreshkin et al. 2020): the network of pytorch-forecasting, trained here.

The network reads ``backcast`` returns and predicts the next h, each example divided by the standard deviation of
its own backcast, so one network serves calm and wild series alike and nothing of the training data is needed to
forecast. The h-bar return is the sum of the h predictions. Training is a plain loop: nothing is logged, printed or
left on disk.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import numpy as np
from pydantic import Field

from fleetspec.family import (
    Family,
    Fit,
    Forecasts,
    Params,
    Profile,
    Rejection,
)
from fleetspec.scalars import Integer, Number

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from pydantic import BaseModel

    from fleetspec.family import (
        FitRequest,
        Floats,
        ForecastRequest,
        SeriesWindow,
    )

MIN_BARS = 100
MIN_EXAMPLES = 32


class NbeatsParams(Params):
    """``stacks``: ``generic``, or ``interpretable`` for a trend and a seasonal stack; each stack has ``blocks`` blocks
    of ``layers`` layers, ``hidden`` wide. The defaults make some 33,000 weights, 50,000 if interpretable."""

    backcast: Annotated[Integer, Field(ge=4, le=512)] = 60
    hidden: Annotated[Integer, Field(ge=4, le=2048)] = 64
    blocks: Annotated[Integer, Field(ge=1, le=16)] = 2
    layers: Annotated[Integer, Field(ge=1, le=8)] = 3
    stacks: Literal["generic", "interpretable"] = "generic"
    epochs: Annotated[Integer, Field(ge=1, le=1000)] = 10
    batch: Annotated[Integer, Field(ge=1, le=65536)] = 256
    learning_rate: Annotated[Number, Field(gt=0, le=1)] = 1e-3
    dropout: Annotated[Number, Field(ge=0, lt=1)] = 0.1


def effort(params: BaseModel) -> float:
    """Time grows with the epochs, and with the weights once they are many: measured on a CPU core with 33,000 to
    4,900,000 weights, within a fifth."""
    chosen = cast(NbeatsParams, params)
    per_block = chosen.backcast * chosen.hidden + chosen.layers * chosen.hidden**2
    weights = per_block * chosen.blocks * (2 if chosen.stacks == "interpretable" else 1)
    return chosen.epochs / 10 * (0.83 + 0.17 * weights / 32_256)


def fit(request: FitRequest) -> Fit:
    """The artifact is the network's weights as safetensors. Estimate ``loss`` is the last epoch's mean squared error
    in units of the backcast's variance; ``weights`` is their number."""
    import torch
    from safetensors.torch import save

    params = cast(NbeatsParams, request.params)
    horizon = request.horizon or 1
    request.require(max(MIN_BARS, params.backcast + horizon))
    pooled = [_examples(window, params.backcast, horizon) for window in request.windows]
    inputs = np.concatenate([before for before, _ in pooled])
    labels = np.concatenate([after for _, after in pooled])
    if len(inputs) < MIN_EXAMPLES:
        raise Rejection(f"{len(inputs)} usable examples, at least {MIN_EXAMPLES} are needed")
    device = _device(request.device)
    with _reproducible(request.seed):
        network = _network(params, horizon).to(device)
        x = torch.from_numpy(inputs).to(device)
        y = torch.from_numpy(labels).to(device)
        loss = _train(network, x, y, params)
        # Cloned, since blocks that share a layer appear under both names and the format refuses shared memory.
        weights = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
    if not np.isfinite(loss):
        raise Rejection("the optimiser did not converge: the training loss is not finite")
    count = float(sum(value.numel() for value in network.parameters()))
    return Fit({"loss": loss, "weights": count}, observations=len(inputs), artifact=save(weights), device=device)


def forecast(request: ForecastRequest) -> Forecasts:
    """``return``: the expected h-bar log return as a fraction. Origins without a full backcast that varies are left
    out. The horizon is the one the network was trained for."""
    import torch
    from safetensors.torch import load

    if request.fit is None or request.fit.artifact is None:
        raise Rejection("there is no fit to forecast from")
    params = cast(NbeatsParams, request.params)
    (horizon,) = request.horizons
    device = _device(request.device)
    blocks = []
    with _reproducible(request.seed):
        network = _network(params, horizon).to(device)
        network.load_state_dict(load(request.fit.artifact))
        network.eval()
        for window in request.windows:
            origins, scale, inputs = _contexts(window, params.backcast, request.first_origin)
            if not len(origins):
                continue
            with torch.no_grad():
                # One row at a time gives the same bytes whatever else is forecast; the network is tiny.
                steps = np.concatenate(
                    [_predict(network, torch.from_numpy(row[None]).to(device)).cpu().numpy() for row in inputs]
                )
            value = steps.astype(np.float64).sum(axis=1) * scale
            blocks.append(Forecasts.block(window.series, window.dates[origins], horizon, "return", value))
    if not blocks:
        raise Rejection(f"no origin has {params.backcast} bars that vary before it")
    return Forecasts.joined(blocks)


def _examples(window: SeriesWindow, backcast: int, horizon: int) -> tuple[Any, Any]:
    """Scaled backcasts (n, backcast) and what followed (n, horizon), float32; all inside the window."""
    rows = np.lib.stride_tricks.sliding_window_view(window.returns, backcast + horizon)
    scale = rows[:, :backcast].std(axis=1, keepdims=True)
    moving = _moves(rows[:, :backcast])
    scaled = (rows[moving] / scale[moving]).astype(np.float32)
    return scaled[:, :backcast], scaled[:, backcast:]


def _contexts(window: SeriesWindow, backcast: int, first_origin: int) -> tuple[Any, Floats, Any]:
    """Origins with a usable backcast, its scale, and the scaled backcasts in float32."""
    origins = np.arange(max(first_origin, backcast - 1), len(window))
    if not len(origins):
        return origins, np.empty(0), np.empty((0, backcast), dtype=np.float32)
    rows = np.lib.stride_tricks.sliding_window_view(window.returns, backcast)[origins - (backcast - 1)]
    scale = rows.std(axis=1)
    moving = _moves(rows)
    return origins[moving], scale[moving], (rows[moving] / scale[moving, None]).astype(np.float32)


def _network(params: NbeatsParams, horizon: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pytorch_forecasting import NBeats

        kinds = ["generic"] if params.stacks == "generic" else ["trend", "seasonality"]
        many = len(kinds)
        return NBeats(
            stack_types=kinds,
            num_blocks=[params.blocks] * many,
            num_block_layers=[params.layers] * many,
            widths=[params.hidden] * many,
            sharing=[False] * many,
            expansion_coefficient_lengths=[32] if many == 1 else [3, 7],
            prediction_length=horizon,
            context_length=params.backcast,
            dropout=params.dropout,
            output_transformer=_unscaled,
        )


def _moves(rows: Floats) -> NDArray[np.bool_]:
    """Rows that vary: the deviation of a pegged stretch is not 0 but its rounding, and would blow up what it scales."""
    moves: NDArray[np.bool_] = rows.std(axis=1) > 1e-8 * np.abs(rows).max(axis=1)
    return moves


def _unscaled(output: dict[str, Any]) -> Any:
    """Scaling happens outside the network."""
    return output["prediction"]


def _train(network: Any, x: torch.Tensor, y: torch.Tensor, params: NbeatsParams) -> float:
    """Adam on mean squared error; returns the mean loss of the last epoch."""
    import torch

    optimizer = torch.optim.Adam(network.parameters(), lr=params.learning_rate)
    network.train()
    total = float("nan")
    for _ in range(params.epochs):
        total = 0.0
        for rows in torch.randperm(len(x)).split(params.batch):
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(_predict(network, x[rows]), y[rows])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            total += float(loss.detach()) * len(rows)
    return total / len(x)


def _predict(network: Any, x: torch.Tensor) -> torch.Tensor:
    """(n, horizon) from scaled backcasts (n, backcast)."""
    output = network({"encoder_cont": x.unsqueeze(-1), "target_scale": x.new_ones((len(x), 2))})
    prediction: torch.Tensor = output["prediction"].squeeze(-1)
    return prediction


def _device(wanted: Literal["cpu", "cuda"]) -> Literal["cpu", "cuda"]:
    """A GPU only where there is one; the fit records which was used."""
    import torch

    return "cuda" if wanted == "cuda" and torch.cuda.is_available() else "cpu"


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """One thread and seeded generators; the caller's are put back, so fits do not disturb one another."""
    import torch

    threads, drawn, numpy_drawn = torch.get_num_threads(), random.getstate(), np.random.get_state()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(seed % 2**63)
            yield
    finally:
        torch.set_num_threads(threads)
        random.setstate(drawn)
        np.random.set_state(numpy_drawn)


FAMILY = Family(
    name="nbeats",
    version="2",
    summary="N-BEATS network on returns, per series or pooled over a universe; one network per horizon",
    params=NbeatsParams,
    targets=frozenset({"return"}),
    per=frozenset({"series", "universe"}),
    horizon_free=False,
    uses_features=False,
    min_bars=MIN_BARS,
    profile=Profile(
        memory_mib=3072,
        basis="assumed: 488 MiB measured in a worker without a GPU, the rest left to a CUDA context; "
        "GPU memory: 2 GB is the published figure for a network of about 50,000 weights; its "
        "tolerance ASSUMED: float32 over hundreds of steps",
        gpu="required",
        gpu_memory_mib=2048,
        gpu_tolerance=1e-2,
    ),
    fit=fit,
    effort=effort,
    forecast=forecast,
    needs=("torch", "pytorch_forecasting"),
    extra="neural",
)
