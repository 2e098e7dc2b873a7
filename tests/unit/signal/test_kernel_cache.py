"""numba is imported without scipy's linear algebra."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from common.project_root import PROJECT_ROOT

_PROGRAM: Final = """
import sys
from pathlib import Path
from services.signal.model.kernel_cache import configure_kernel_cache
configure_kernel_cache(Path(sys.argv[1]))
print("numba.np.arraymath" in sys.modules, "scipy.linalg" in sys.modules)
import scipy.linalg
print(scipy.linalg.norm([3.0, 4.0]) == 5.0)
"""


def test_numba_is_imported_without_linear_algebra_which_can_be_imported_later(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["True", "False", "True"]
