"""Compilation of the numeric kernels at their first call, with a cache on disk for each type of processor.

fast-math is off, so that sums keep their order and the source alone determines every digit. The folder for compiled
code is set before the first import of a kernel (`services.signal.model.kernel_cache`), because a core does not read the
environment.

numba recompiles a kernel only if the kernel's own file has changed. So a kernel and the functions that it calls must be
in one file. Exception: `kernel_calling` names functions of other files, so that a rule of a core is written only once,
as a plain function, which a core calls and a kernel compiles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that Python code calls; it is compiled at its first call."""
    return cast("Callable[P, R]", numba.njit(cache=True, error_model="numpy")(function))


def kernel_helper(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that only kernels of the same file call."""
    return cast("Callable[P, R]", numba.njit(error_model="numpy")(function))


def kernel_calling(*functions: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function that Python code calls and that calls `functions` of other files, each by `kernel_helper`.

    The functions must be plain: they call no function of ours, and read only numbers of their module. A change of a
    function, of such a number, or of a number in the module of the kernel compiles the kernel again.
    """

    def compile_kernel(function: Callable[P, R]) -> Callable[P, R]:
        numbers = {name: value for name, value in function.__globals__.items() if isinstance(value, int | float)}
        versions = "".join([*map(_version_of, functions), repr(numbers)])
        # numba's cache has one file for each name of a function.
        function.__qualname__ += f"_{hashlib.sha256(versions.encode()).hexdigest()[:16]}"
        return kernel(function)

    return compile_kernel


def _version_of(function: Callable[..., Any]) -> str:
    """Text that differs between two versions of a function."""
    code, names = function.__code__, function.__globals__
    numbers = {name: names[name] for name in code.co_names if isinstance(names.get(name), int | float)}
    return repr((code.co_code, code.co_consts, code.co_names, code.co_varnames, numbers))
