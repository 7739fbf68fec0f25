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


@pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: the charts are not looked at (apt-get install chromium)"
)
def test_the_charts_are_drawn_in_a_browser(page: str, shell: Shell) -> None:
    profile = shell.folder / "profile"
    address = f"file://{shell.folder}/report.html"
    options = [*FLAGS.replace("\\ ", "\0").split(), "--virtual-time-budget=5000", f"--user-data-dir={profile}"]
    command = [str(CHROMIUM), *(option.replace("\0", " ") for option in options), "--dump-dom", address]
    drawn = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    wanted = len(re.findall(r'class="chart"', page))
    assert wanted >= 6
    assert len(re.findall(r'class="chart[^"]*js-plotly-plot', drawn)) == wanted
