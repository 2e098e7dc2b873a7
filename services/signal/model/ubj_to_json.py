"""Conversion of a model from UBJ to JSON by XGBoost, in a child process.

XGBoost hardly checks the bytes that it loads. Damaged bytes can crash or block the process that loads them.
Therefore a child process loads them. The conversion imports XGBoost only in the child, because the import is slow. The
child runs this file as a script.
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
"""Time limit of the child, several times the conversion time of the largest model that the desk loads."""

_MEMORY_BYTES: Final = 2**31
_MEMORY_PER_BYTE: Final = 32
"""The child's address space is limited to `_MEMORY_BYTES` plus this number for each byte of the model.

Without the limit, damaged lengths in a model could fill the memory of the host.
"""


_PLACE: Final = re.compile(r"^\[[\d:]+\] \S+:\d+: (Check failed: )?")
"""Beginning of XGBoost's messages: time, and line of its source."""


class UbjError(ValueError):
    """XGBoost cannot read the bytes as a model in UBJ; the text has XGBoost's reason."""


def ubj_to_json(model: bytes) -> bytes:
    """Convert a model from UBJ to JSON.

    Raises:
        UbjError: XGBoost refuses the bytes, crashes, or does not finish in time.
    """
    command = [sys.executable, "-P", __file__]
    try:
        done = subprocess.run(command, input=model, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise UbjError(f"not converted after {_TIMEOUT_S} s") from None
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise UbjError(f"XGBoost crashes with {name}, expected a model that the installed XGBoost has saved")
    if done.returncode:
        raise UbjError(done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:200])
    return done.stdout


def _convert() -> None:
    import xgboost  # only in the child

    output, sys.stdout = sys.stdout.buffer, sys.stderr  # XGBoost prints warnings to stdout
    model = bytearray(sys.stdin.buffer.read())
    if not model:
        sys.exit("the model is empty")
    limit = _MEMORY_BYTES + _MEMORY_PER_BYTE * len(model)
    with contextlib.suppress(ValueError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    try:
        output.write(xgboost.Booster(params={"nthread": 1}, model_file=model).save_raw("json"))
    except (xgboost.core.XGBoostError, ValueError) as error:
        sys.exit(_PLACE.sub("", str(error).splitlines()[0]))


if __name__ == "__main__":
    _convert()
