"""Conversion of a model from UBJ to JSON by XGBoost, in a process of its own.

XGBoost checks little of what it loads: damaged bytes can crash or block the process that reads them. A child contains
that, and keeps XGBoost out of a process that walks the trees without it. Run as a script, this file is the child.
"""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import subprocess
import sys
from typing import Final

_TIMEOUT_S: Final = 120
"""Several times the conversion time of the largest model that the desk loads."""

_MEMORY_BYTES: Final = 2**31
_MEMORY_PER_BYTE: Final = 32
"""Address space of the child, plus that for each byte of the model: damaged lengths would fill the machine's memory."""


_PLACE: Final = re.compile(r"^\[[\d:]+\] \S+:\d+: (Check failed: )?")
"""What XGBoost's messages begin with: time and line of its source."""


class UbjError(ValueError):
    """XGBoost cannot read the bytes as a model in UBJ; the text gives its reason."""


def ubj_to_json(model: bytes) -> bytes:
    """Convert a model from UBJ to JSON.

    Raises:
        UbjError: XGBoost refuses the bytes, crashes on them or does not finish.
    """
    command = [sys.executable, "-P", __file__]
    try:
        done = subprocess.run(command, input=model, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise UbjError(f"not done after {_TIMEOUT_S} s") from None
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise UbjError(f"it crashes with {name}, expected a model that the installed XGBoost has saved")
    if done.returncode:
        raise UbjError(done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200])
    return done.stdout


def _convert() -> None:
    import xgboost  # only in the child

    output, sys.stdout = sys.stdout.buffer, sys.stderr  # XGBoost prints its warnings
    model = bytearray(sys.stdin.buffer.read())
    if not model:
        sys.exit("it is empty")
    limit = _MEMORY_BYTES + _MEMORY_PER_BYTE * len(model)
    with contextlib.suppress(ValueError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        output.write(xgboost.Booster(params={"nthread": 1}, model_file=model).save_raw("json"))
    except (xgboost.core.XGBoostError, ValueError) as error:
        sys.exit(_PLACE.sub("", str(error).splitlines()[0]))


if __name__ == "__main__":
    _convert()
