"""The report in a browser without a network: its charts are drawn."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from small_fleet import Shell, small_fleet

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync --disable-quic --host-resolver-rules=MAP\\ *\\ ~NOTFOUND"
)


@pytest.fixture
def page(shell: Shell) -> str:
    spec = small_fleet(shell, ["AAA", "BBB"])
    for run in ("nightly", "backtest"):
        shell.good("apply", spec, "--run", run, "--yes", "--executor", "inline")
    shell.good("report", spec, "--out", "report.html")
    return (shell.folder / "report.html").read_text()


def test_the_page_needs_nothing_from_outside(page: str) -> None:
    without_library = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", without_library)
    assert not re.search(r"<(?:link|iframe|img)\b|@import|url\(", without_library)


@pytest.fixture
def plan_page(shell: Shell) -> str:
    spec = small_fleet(shell, ["AAA", "BBB"])
    shell.good("plan", spec, "--format", "html", "--out", "plan.html")
    return (shell.folder / "plan.html").read_text()


def drawn(shell: Shell, name: str) -> str:
    """The page as a browser without a network has it."""
    options = [*FLAGS.replace("\\ ", "\0").split(), "--virtual-time-budget=5000"]
    options.append(f"--user-data-dir={shell.folder / 'profile'}")
    flags = [option.replace("\0", " ") for option in options]
    command = [str(CHROMIUM), *flags, "--dump-dom", f"file://{shell.folder}/{name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def charts_in(page: str) -> int:
    return len(re.findall(r'class="chart[^"]*js-plotly-plot', page))


@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: the charts are not looked at (apt-get install chromium)"
)
def test_the_charts_are_drawn_in_a_browser(page: str, shell: Shell) -> None:
    wanted = len(re.findall(r'class="chart"', page))
    assert wanted >= 6
    assert charts_in(drawn(shell, "report.html")) == wanted


@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: the charts are not looked at (apt-get install chromium)"
)
def test_the_charts_of_a_plan_are_drawn_in_a_browser(plan_page: str, shell: Shell) -> None:
    wanted = len(re.findall(r'class="chart"', plan_page))
    assert wanted == 4, "waterfall, Gantt, frontier, cost; no GPU is cut"
    assert charts_in(drawn(shell, "plan.html")) == wanted
