"""Example packages as they would be installed, without installing them: a folder that carries their entry points."""

from __future__ import annotations

import tomllib
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PACKAGES = ("family-ewma", "feature-drawdown", "metric-hit-rate", "target-worst-day")


def install(folder: Path, *packages: str) -> list[str]:
    """Write the metadata of packages into a folder; what has to be on the path for them to be found."""
    for package in packages:
        project = tomllib.loads((EXAMPLES / package / "pyproject.toml").read_text())["project"]
        info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        groups = project["entry-points"].items()
        lines = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in points.items()) for group, points in groups]
        (info / "entry_points.txt").write_text("\n".join(lines))
    return [str(folder), *(str(EXAMPLES / package / "src") for package in packages)]
