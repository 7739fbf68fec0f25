"""Coverage-guided fuzzing of the whole reading, by hand: ``make fuzz MINUTES=30``.

Arguments are libFuzzer's: ``python tests/fuzz/fuzz_atheris.py -max_total_time=1800 build/fuzz tests/fuzz/corpus``.
What it finds lies in the first folder; an input that fails is written as crash-… and belongs into the corpus once it
is mended.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

try:
    import atheris
except ImportError:
    sys.exit("atheris is not installed: pip install 'fleetspec[fuzz]' (Linux, CPython)")

with atheris.instrument_imports(include=["fleetspec.compiler", "fleetspec.units", "fleetspec.scalars"]):
    from whole_reading import read_whole


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        atheris.Setup(sys.argv, lambda data: read_whole(data, Path(folder)))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
