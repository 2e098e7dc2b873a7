"""Compilation of the numeric kernels: at the first call, once per processor, cached on disk.

No fast-math, so that sums keep their order and every digit follows from the source. The folder for compiled code
is set before the first import of a kernel (`services.signal.model.kernel_cache`), because a core reads no environment.

numba recompiles a kernel only when its own file has changed, so a kernel and the functions that it calls must be in one
file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that Python calls, at its first call."""
    return cast("Callable[P, R]", numba.njit(cache=True, error_model="numpy")(function))


def kernel_helper(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only kernels of the same file call."""
    return cast("Callable[P, R]", numba.njit(error_model="numpy")(function))
