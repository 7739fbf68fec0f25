"""Windows of rows: equal to fits of their own rows, and the same to the last bit in any company."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linear_cases import made, scaled

from fleetspec.kernels.linear import Fits, fit_many, reference, ridge_many
from fleetspec.kernels.linear.dyadic import planted, shift_of
from fleetspec.kernels.linear.types import Options

pytest.importorskip("numba", reason="the run extra is not installed")


def same(one: Fits, other: Fits) -> bool:
    return all(getattr(one, part).tobytes() == getattr(other, part).tobytes() for part in Fits.__struct_fields__)


def test_rolling_windows_equal_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the oracle")
    x, y = made(700, 15, targets=2)
    windows = [(s, s + 250) for s in range(0, 450, 7)]
    fits = fit_many(x, y, 1e-4, 0.5, windows=windows)
    ridge = ridge_many(x, y, 0.2, windows=windows)
    for w, (begin, end) in enumerate(windows):
        for k in range(2):
            oracle = linear_model.ElasticNet(alpha=1e-4, l1_ratio=0.5, max_iter=10_000).fit(
                x[begin:end], y[begin:end, k]
            )
            np.testing.assert_allclose(fits.coef[w, k], oracle.coef_, rtol=0, atol=1e-9)
        oracle = linear_model.Ridge(alpha=250 * 0.2).fit(x[begin:end], y[begin:end])
        np.testing.assert_allclose(ridge.coef[w], oracle.coef_, rtol=0, atol=1e-9)


@pytest.mark.parametrize("solve", [fit_many, ridge_many])
def test_nothing_depends_on_the_company(solve):
    x, y = made(600, 7, targets=6)
    windows = [(0, 600), (3, 257), (100, 400), (101, 401), (590, 600), (8, 16), (37, 300)]
    alphas = np.array([1e-4, 0.01, 0.1])
    together = solve(x, y, alphas, windows=windows, standardise=True)
    # The window of eight rows and seven features does not converge everywhere, which depends on no company either.
    assert together.ok[[0, 1, 2, 3, 4, 6]].all()
    for w, window in enumerate(windows):
        for k in range(6):
            for a in range(3):
                alone = solve(x, y[:, k], alphas[a], windows=[window], standardise=True)
                part = Fits(*(getattr(together, f)[w : w + 1, k, a] for f in Fits.__struct_fields__))
                assert same(alone, part)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_piece_of_the_array_gives_the_same_bytes(data):
    """Whoever holds only the rows of a window finds what a walk over the whole series finds, if positions are known;
    rows may be missing."""
    x, y = made(400, 3, seed=data.draw(st.integers(0, 50)))
    gaps = data.draw(st.lists(st.integers(1, 40), min_size=400, max_size=400))
    positions = np.cumsum(gaps) - data.draw(st.integers(0, 5000))
    windows = [
        sorted(data.draw(st.lists(st.integers(0, 400), min_size=2, max_size=2, unique=True)))
        for _ in range(data.draw(st.integers(1, 6)))
    ]
    together = ridge_many(x, y[:, 0], 0.1, windows=windows, positions=positions)
    for w, (begin, end) in enumerate(windows):
        alone = ridge_many(x[begin:end], y[begin:end, 0], 0.1, positions=positions[begin:end])
        part = Fits(*(getattr(together, f)[w] for f in Fits.__struct_fields__))
        assert alone.coef.tobytes() == part.coef.tobytes()
        if end - begin > 4:
            slow = reference.ridge(x[begin:end], y[begin:end, 0], 0.1, Options())
            np.testing.assert_allclose(part.weights, slow.weights, rtol=1e-6, atol=1e-9)


def test_rows_after_a_window_change_nothing():
    x, y = made(500, 5)
    windows = [(0, 300), (20, 301), (150, 400)]
    before = fit_many(x, y[:, 0], 0.001, windows=windows, standardise=True)
    x[400:], y[400:] = 1e6, -3.0
    assert same(before, fit_many(x, y[:, 0], 0.001, windows=windows, standardise=True))
    x[399] *= 2
    after = fit_many(x, y[:, 0], 0.001, windows=windows, standardise=True)
    assert (after.coef[:2] == before.coef[:2]).all()
    assert (after.coef[2] != before.coef[2]).any()


def test_last_windows_are_as_exact_as_first_ones():
    """A level a million times as large as what moves, and a jump of it that sums over all rows before would never
    forget: the end of a long walk is still right to the digits that the numbers themselves have."""
    x, y = made(20_000, 4)
    x = scaled(x)
    x[:1000] += 1e9
    x[1000:] += 1e6
    windows = [(s, s + 200) for s in range(1000, 19_800, 50)]
    fits = fit_many(x, y[:, 0], 1e-4, windows=windows, standardise=True)
    for w in (0, len(windows) // 2, len(windows) - 1):
        begin, end = windows[w]
        slow = reference.elastic_net(x[begin:end] - 1e6, y[begin:end, 0], 1e-4, 0.5, Options(standardise=True))
        np.testing.assert_allclose(fits.weights[w], slow.weights, rtol=0, atol=1e-7)


def test_a_tree_holds_each_row_once_a_level():
    positions = np.cumsum(np.random.default_rng(0).integers(1, 30, 500))
    tree = planted(positions, 20, 470, 3, 2000)
    assert (np.diff(tree.cuts) > 0).all()
    assert (tree.cuts[0], tree.cuts[-1]) == (20, 470)
    assert 2**8 > 2000 >> 3 >= 2 ** (len(tree.offsets) - 2)
    rows = list(np.diff(tree.cuts))
    for a, b in zip(tree.left, tree.right, strict=True):
        rows.append(rows[a] + (rows[b] if b >= 0 else 0))
    for level in range(len(tree.offsets) - 1):
        assert sum(rows[tree.offsets[level] : tree.offsets[level + 1]]) == 450
        assert (np.diff(tree.ids[tree.offsets[level] : tree.offsets[level + 1]]) > 0).all()


def test_the_size_of_a_leaf():
    assert list(shift_of(np.array([1, 10, 250, 255, 256, 1000, 1024, 200_000]))) == [3, 3, 3, 3, 4, 5, 6, 13]


@pytest.mark.slow
def test_code_is_compiled_once_a_machine(tmp_path):
    """A second process loads what the first one compiled."""
    code = (
        "import numpy as np, sys; from fleetspec.kernels.linear import ridge_many;"
        "x = np.eye(4) + 1; print(ridge_many(x, x[:, 0], 0.1).coef.tobytes().hex());"
        "from fleetspec.kernels.linear.fitting import compiled; print(sum(compiled().solve.stats.cache_hits.values()))"
    )
    environment = {"FLEETSPEC_CACHE": str(tmp_path), "PYTHONPATH": ":".join(filter(None, sys.path)), "PATH": "/usr/bin"}
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment).stdout
        for _ in range(2)
    )
    assert (first.split()[0], first.split()[1], second.split()[1]) == (second.split()[0], "0", "1")
    assert len(list((tmp_path / "fleetspec" / "linear").glob("*.py"))) == 1
