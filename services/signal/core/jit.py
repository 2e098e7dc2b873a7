"""How the numeric kernels are compiled: ahead of nothing, once per processor, and kept on disk.

No fast-math, so that sums keep their order and every digit is what the text says. The folder for compiled code
is set before the first import of a kernel (`services.signal.model.kernel_cache`), because a core reads no environment.

numba recompiles a kernel when its own file has changed and does not look at what it calls in other files: a kernel and
the parts of it stay in one file.
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
