"""Compilation of the numeric kernels at their first call, with a cache on disk for each type of processor.

fast-math is off, so that sums keep their order and the source alone determines every digit. The folder for compiled
code is set before the first import of a kernel (`services.signal.model.kernel_cache`), because a core does not read the
environment.

numba recompiles a kernel only if the kernel's own file has changed. So a kernel and the functions that it calls must be
in one file. Exception: `kernel_calling` names functions of other files, so that a rule of a core is written only once,
as a plain function, which a core calls and a kernel compiles.

A cached kernel is loaded without numba's compiler, which takes most of half a second to import.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba
import numpy as np
from numba.core.runtime.nrt import rtsys
from numba.extending import typeof_impl
from numba.np.numpy_support import from_dtype, map_layout

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function that Python code calls; it is compiled at its first call."""
    compiled: Any = numba.njit(cache=True, error_model="numpy")(function)
    if not numba.config.DISABLE_JIT:  # type: ignore[attr-defined]  # set at run time
        _load_before_the_compiler(compiled._cache)
    return cast("Callable[P, R]", compiled)


def _load_before_the_compiler(cache: Any) -> None:
    """Look for compiled code before numba imports its compiler, which it does again before it compiles."""

    def load_overload(signature: Any, target: Any) -> Any:
        rtsys.initialize(target)  # functions for memory, which compiled code may call
        with cache._guard_against_spurious_io_errors():
            return cache._load_overload(signature, target)

    cache.load_overload = load_overload


_numba_type_of: Final[Callable[[Any, Any], Any]] = typeof_impl.dispatch(np.ndarray)


@typeof_impl.register(np.ndarray)
def _type_of_array(value: Any, context: Any) -> Any:
    """The type of an array as numba computes it, without the import of masked arrays for a plain one."""
    if type(value) is not np.ndarray or value.dtype.kind not in "iuf":
        return _numba_type_of(value, context)
    dtype, layout = from_dtype(value.dtype), map_layout(value)
    return numba.types.Array(dtype, value.ndim, layout, readonly=not value.flags.writeable)


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
