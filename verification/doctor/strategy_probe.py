"""Child process that imports the strategies which the settings name: `python -m verification.doctor.strategy_probe`.

A strategy is a person's code: its import may end the process, print, or take long. Strategies with a model are not
loaded here, because their load writes to caches; the check of the model examines them.
"""

from __future__ import annotations

import sys
from typing import Final

from common.errors import error_text
from services.signal.strategy_loader import (
    MODEL_STRATEGIES,
    UnknownStrategyError,
    parse_strategies,
    strategy_factory,
)

EXIT_UNUSABLE: Final = 9
"""Exit code for a strategy that cannot be used; the last line of stderr says why."""


def main() -> None:
    """Import the strategies of the first argument for the symbols of the second one."""
    text, symbols = sys.argv[1:3]
    try:
        for name in dict.fromkeys(parse_strategies(text, symbols.split(",")).values()):
            if name not in MODEL_STRATEGIES:
                strategy_factory(name)
    except UnknownStrategyError as error:
        sys.stderr.write(f"\n{error_text(error)}\n")
        sys.stderr.flush()
        sys.exit(EXIT_UNUSABLE)


if __name__ == "__main__":
    main()
