"""Compilation of the numeric kernels at their first call, with a cache on disk for each type of processor.

fast-math is off, so that sums keep their order and the source alone determines every digit. The folder for compiled
code is set before the first import of a kernel (`services.signal.model.kernel_cache`), because a core does not read the
environment.

numba recompiles a kernel only if the kernel's own file has changed. So a kernel and the functions that it calls must be
in one file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that Python code calls; it is compiled at its first call."""
    return cast("Callable[P, R]", numba.njit(cache=True, error_model="numpy")(function))


def kernel_helper(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only kernels of the same file call."""
    return cast("Callable[P, R]", numba.njit(error_model="numpy")(function))
