"""Builds the native engine with the C++ compiler of the machine: ``python -m fleetspec.kernels.garch.building``.

A library per instruction set, named by a digest of all that it is made of, so that one that is out of date is not
found. They go into the package, where ``make native`` and wheels have them, or into the user's cache folder where the
package cannot be written.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from fleetspec.kernels.garch.dialects import Cpp
from fleetspec.kernels.garch.types import DISTRIBUTIONS, Specification
from fleetspec.kernels.garch.writing import written

if TYPE_CHECKING:
    from fleetspec.kernels.garch.statements import Mode
    from fleetspec.kernels.garch.types import ProcessName

SOURCES = Path(__file__).parent / "native"
_ORDERS: tuple[tuple[ProcessName, tuple[tuple[int, int, int], ...]], ...] = (
    ("garch", ((1, 0, 0), (1, 0, 1), (2, 0, 1), (1, 0, 2), (2, 0, 2))),
    ("gjr", ((1, 1, 1), (1, 1, 2), (2, 2, 2))),
    ("tgarch", ((1, 0, 1), (1, 1, 1))),
    ("egarch", ((1, 0, 1), (1, 1, 1), (1, 1, 2), (2, 1, 1), (2, 2, 2))),
)
"""The orders that are built. Others are for numba: code is a few kilobytes for each."""
TARGETS: dict[str, tuple[int, tuple[str, ...]]] = (
    {"avx2": (4, ("-mavx2", "-mfma")), "avx512": (8, ("-mavx512f", "-mavx512dq", "-mfma"))}
    if platform.machine().lower() in ("x86_64", "amd64")
    else {"portable": (2, ())}
)
"""Instruction sets: lanes of a vector and what the compiler is told."""
_LEVELS = {0: (), 1: ("avx2",), 2: ("avx512", "avx2")}
"""By what ``cpu.c`` finds, the targets that a processor runs, the fastest first."""
_FLAGS = ("-O3", "-std=c++17", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math", "-w")


def key(specification: Specification) -> str:
    s = specification
    return f"{s.process}-{s.p}-{s.o}-{s.q}-{s.distribution}-{s.mean}-{s.lags}-{s.presample}"


def specifications() -> Iterator[Specification]:
    """What the native engine knows."""
    for process, orders in _ORDERS:
        for (p, o, q), distribution in product(orders, DISTRIBUTIONS):
            yield Specification(process, p, o, q, distribution, "zero")
            yield Specification(process, p, o, q, distribution, "constant")
            if max(p, o, q) == 1 and q:
                yield Specification(process, p, o, q, distribution, "ar", lags=1)
    for distribution in DISTRIBUTIONS:
        yield Specification("garch", 1, 0, 1, distribution, "constant", presample="sample")


@cache
def digest() -> str:
    """Of every source of the libraries, in this package."""
    content = hashlib.sha256()
    here = Path(__file__).parent
    for path in sorted(
        [
            *SOURCES.glob("*.[ch]*"),
            *(here / f"{name}.py" for name in ("building", "dialects", "statements", "densities", "writing", "types")),
        ]
    ):
        content.update(path.read_bytes())
    return content.hexdigest()[:16]


def folders() -> tuple[Path, ...]:
    """Where libraries are looked for, first to last."""
    root = os.environ.get("FLEETSPEC_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (SOURCES, Path(root) / "fleetspec" / "garch")


def library(target: str) -> str:
    """The file name of a target's library, or of ``cpu``, which tells which target runs."""
    return f"garch-{target}-{digest()}.so"


def compiler() -> str | None:
    """The C++ compiler: ``CXX``, or the first of the usual ones that is there."""
    named = os.environ.get("CXX")
    return named or next(filter(None, map(shutil.which, ("g++", "clang++", "c++"))), None)


def build(folder: Path, targets: Iterable[str], chosen: Iterable[Specification]) -> list[Path]:
    """Compiles libraries of ``chosen`` into ``folder``, a minute of one core for fifty and a target.

    Raises LookupError without a compiler and CalledProcessError where it fails.
    """
    cxx = compiler()
    if cxx is None:
        raise LookupError("no C++ compiler was found: install g++ or clang, or name one in CXX")
    chosen = tuple(chosen)
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        made = Path(scratch)
        units = [*_write_units(made, chosen), SOURCES / "engine.cpp"]
        compiled = {target: [pool.submit(_compile, cxx, unit, made, target) for unit in units] for target in targets}
        built = []
        for target, futures in compiled.items():
            objects = [str(future.result()) for future in futures]
            built.append(_link(cxx, objects, made, folder / library(target)))
        source = str(SOURCES / "cpu.c")
        built.append(_link(cxx, ["-x", "c", source], made, folder / library("cpu")))
    return built


def _write_units(folder: Path, chosen: Iterable[Specification]) -> list[Path]:
    """A file of likelihoods for every process and distribution, and the table of all."""
    texts: dict[str, list[str]] = {}
    table, declared = [], []
    modes: tuple[Mode, ...] = ("value", "score", "check")
    for number, specification in enumerate(chosen):
        unit = texts.setdefault(f"{specification.process}_{specification.distribution}", [])
        unit += [written(specification, Cpp(), mode, f"{mode}_{number}") for mode in modes]
        arrays = {"value": "", "score": ", Lanes *, Lanes *", "check": ", Lanes *, Lanes *"}
        declared += [
            f"Lanes {mode}_{number}(const Lanes *, const double *, int64_t, Lanes{arrays[mode]});" for mode in modes
        ]
        functions = ", ".join(f"{mode}_{number}" for mode in modes)
        table.append(f'    {{"{key(specification)}", {len(specification.names)}, {functions}}},')
    head = '#include "likelihood.hpp"\n\n'
    rows = "\n".join(table)
    texts["table"] = [
        "\n".join(declared),
        f"\nconst Likelihood LIKELIHOODS[] = {{\n{rows}\n}};\nconst int LIKELIHOOD_COUNT = {len(table)};\n",
    ]
    paths = []
    for name, parts in texts.items():
        path = folder / f"{name}.cpp"
        path.write_text(head + "\n".join(parts))
        paths.append(path)
    return paths


def _compile(cxx: str, source: Path, folder: Path, target: str) -> Path:
    lanes, flags = TARGETS[target]
    made = folder / f"{source.stem}-{target}.o"
    command = [cxx, *_FLAGS, *flags, f"-DLANES={lanes}", f"-I{SOURCES}", "-c", str(source), "-o", str(made)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return made


def _link(cxx: str, inputs: list[str], folder: Path, path: Path) -> Path:
    """A shared library under a temporary name, renamed when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    subprocess.run([cxx, "-shared", "-fPIC", *inputs, "-o", str(partial)], check=True, capture_output=True, text=True)
    os.replace(partial, path)
    return path


def runnable(cpu: Path) -> tuple[str, ...]:
    """The targets that this processor runs, the fastest first, by the library ``cpu``."""
    level = ctypes.CDLL(str(cpu)).garch_cpu_level()
    return _LEVELS[level] if "avx2" in TARGETS else tuple(TARGETS)


def main(arguments: list[str]) -> int:
    """Builds for this processor, with ``--every`` for all, into the first folder that can be written; tells where."""
    folder = next((f for f in folders() if _writable(f)), None)
    if folder is None:
        print(f"neither {folders()[0]} nor {folders()[1]} can be written", file=sys.stderr)
        return 1
    try:
        (cpu,) = build(folder, (), ())
        targets = tuple(TARGETS) if "--every" in arguments else runnable(cpu)[:1]
        if not targets:
            print("this processor has no AVX2: numba is the engine", file=sys.stderr)
            return 1
        built = build(folder, targets, tuple(specifications()))
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(error.stderr, file=sys.stderr)
        return 1
    for outdated in folder.glob("garch-*.so"):
        if digest() not in outdated.name:
            outdated.unlink()
    print("\n".join(map(str, built)))
    return 0


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
