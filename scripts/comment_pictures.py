"""Comments on the scripted repository of the tests as pictures, to be read as a reviewer reads them.

    python scripts/comment_pictures.py FOLDER [--commits "raise trials" "conflict markers" …]

Each commit's comment against the one before it, as GitHub would show it: on a phone (375 pixels) and beside code (800).
Needs chromium, and markdown-it-py, which the test environment has.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "revisions")]

from in_process import run_in  # noqa: E402
from scripted_history import scripted  # noqa: E402

COMMITS = (
    "owner", "raise trials", "add universe", "other distribution", "change pool", "price change", "move deadline",
    "rename a universe", "remove a universe", "conflict markers",
)  # fmt: skip
WIDTHS = {"phone": 375, "page": 800}
STYLE = """
body { font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; color: #1f2328;
       margin: 0; padding: 16px; }
h3 { font-size: 1.25em; margin: 0 0 16px; font-weight: 600; } p, table, details, pre { margin: 0 0 16px; }
table { border-collapse: collapse; display: block; width: max-content; max-width: 100%; overflow: auto; }
th, td { border: 1px solid #d1d9e0; padding: 6px 13px; } tr:nth-child(2n) { background: #f6f8fa; }
th { font-weight: 600; }
code { background: #818b981f; border-radius: 6px; padding: .2em .4em; font-size: 85%; overflow-wrap: anywhere; }
pre { background: #f6f8fa; border-radius: 6px; padding: 16px; overflow: auto; }
pre code { background: none; padding: 0; }
"""


def page(comment: str, opened: bool) -> str:
    """A comment as HTML; ``opened`` unfolds its details."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": True}).enable("table").render(comment)
    body = body.replace("<details>", "<details open>") if opened else body
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style><body>{body}</body>"


def picture(html: Path, png: Path, width: int, height: int) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no chromium here: apt-get install chromium")
    # A window is never narrower than 500 pixels: a phone is a frame of its width.
    frame = html.with_suffix(f".{width}.html")
    frame.write_text(
        f'<body style="margin:0"><iframe src="{html.name}" width="{width}" height="{height}" style="border:0">'
    )
    subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--screenshot={png}",
         f"--window-size={max(width, 500)},{height}", frame.as_uri()],
        check=True, capture_output=True,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--commits", nargs="+", default=COMMITS)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        fleets = Path(name) / "fleets"
        fleets.mkdir()
        run = run_in(fleets)
        history = scripted(fleets, lambda spec: run("lock", spec))
        for number, commit in enumerate(given.commits, start=1):
            base, head = history.pair(commit)
            answer = run("comment", "github", f"{base}..{head}", "--dry-run")
            stem = f"{number:02d}-{commit.replace(' ', '-')}"
            (given.folder / f"{stem}.md").write_text(answer.out)
            html = given.folder / f"{stem}.html"
            for device, width in WIDTHS.items():
                html.write_text(page(answer.out, opened=device == "page"))
                picture(html, given.folder / f"{stem}-{device}.png", width, 600 if device == "phone" else 1100)
            print(stem)


if __name__ == "__main__":
    main()
