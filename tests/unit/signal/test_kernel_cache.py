"""A cached kernel is loaded without numba's compiler, and has the results of a compiled one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numba
import numpy as np
import pytest
from numba.core.typing.typeof import Purpose
from numba.core.typing.typeof import _TypeofContext as Context

from common.project_root import PROJECT_ROOT
from services.signal.core import jit

typeof: Callable[[Any], Any] = numba.typeof

_PROGRAM: Final = """
import json, sys
import numpy as np
from services.signal.model.kernel_cache import configure_kernel_cache
configure_kernel_cache()
from services.signal.core.features.kernel import feature_rows
random = np.random.default_rng(1)
mid = 1.1 + np.cumsum(random.normal(0.0, 0.0001, 150))
rows = feature_rows(np.arange(150) * 10**9, mid, mid + 0.0001, np.ones(150))
unneeded = ("numba.np.random.legacy", "scipy.linalg", "numpy.ma")
print(json.dumps([rows.tolist(), *(name in sys.modules for name in unneeded)]))
"""


def test_a_cached_kernel_is_loaded_without_the_compiler(tmp_path: Path) -> None:
    runs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            cwd=PROJECT_ROOT,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        runs.append(json.loads(done.stdout))
    (compiled, *imported), (loaded, *imported_later) = runs
    assert compiled == loaded
    assert imported[0] is True
    assert imported_later == [False, False, False]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(3),
        np.zeros((2, 3), dtype=np.float32),
        np.asfortranarray(np.zeros((2, 3))),
        np.zeros(9)[::2],
        np.zeros(3, dtype=np.uint16),
        np.frombuffer(bytes(16), dtype=np.int64),
        np.zeros(3, dtype=np.bool_),
        np.zeros(3, dtype="datetime64[ns]"),
        np.zeros(3, dtype=np.dtype([("a", np.int64), ("b", np.float64)])),
    ],
    ids=lambda array: f"{array.dtype}, {array.shape}, {array.strides}",
)
def test_the_type_of_an_array_is_that_of_numba(array: np.ndarray[Any, Any]) -> None:
    assert typeof(array) == jit._numba_type_of(array, Context(Purpose.argument))


def test_a_masked_array_is_refused_as_by_numba() -> None:
    with pytest.raises(numba.errors.NumbaError, match="MaskedArray"):
        typeof(np.ma.masked_array(np.zeros(3)))
