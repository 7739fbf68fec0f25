"""Libraries that load at their first use."""

import subprocess
import sys


def said(program: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return run.stdout.split()


START = "import sys; from fleetspec.cli.postponed import postpone; postpone('numpy'); "


def test_it_loads_when_something_of_it_is_asked_for() -> None:
    program = (
        "import numpy as np; loaded = lambda: 'numpy._core' in sys.modules; print(loaded(), np.pi > 3, loaded()); "
        "import numpy; from numpy.typing import NDArray; import numpy.linalg; "
        "print(numpy.ndarray is np.ndarray, np.linalg is numpy.linalg, sys.modules['numpy'].ndarray is np.ndarray)"
    )
    assert said(START + program) == ["False", "True", "True", "True", "True", "True"]


def test_its_parts_can_be_imported_first() -> None:
    program = "from numpy.typing import NDArray; import numpy as np; print(np.zeros(3).sum(), bool(NDArray))"
    assert said(START + program) == ["0.0", "True"]


def test_libraries_that_are_built_on_it_find_it() -> None:
    program = "import numpy as np; import pyarrow; print(pyarrow.array(np.arange(3)).to_numpy().sum())"
    assert said(START + program) == ["3"]


def test_what_is_loaded_or_missing_stays_so() -> None:
    program = (
        "import json; from fleetspec.cli.postponed import postpone; before = json; postpone('json'); "
        "postpone('no_such_library'); import sys; "
        "print(sys.modules['json'] is before, 'no_such_library' in sys.modules)"
    )
    assert said(program) == ["True", "False"]
