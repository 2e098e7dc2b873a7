"""Child process that imports the strategies which the settings name: `python -m verification.doctor.strategy_probe`.

A strategy is a person's code: its import may end the process, print, or take long. Strategies with a model are not
loaded here, because their load writes to caches; the check of the model examines them.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final, NoReturn

from common.errors import StartError, error_text
from services.signal.given_parameters import SETTING, parse_parameters, plan_parameters
from services.signal.strategy_loader import UnknownStrategyError, strategy_parameters

EXIT_UNUSABLE: Final = 9
"""Exit code for a strategy that cannot be used; the last line of stderr says why."""

EXIT_PARAMETER: Final = 10
"""Exit code for a wrong value of a parameter; the last line of stderr says which."""


def main() -> None:
    """Import the strategies of the first argument for the symbols of the second one, and check their parameters.

    The third argument is STRATEGY_PARAMS, the fourth PLAN.
    """
    text, symbols, parameters, plan = sys.argv[1:5]
    try:
        given = [parse_parameters(parameters, source=SETTING)]
        with suppress(StartError):  # the check of the plan finds a file that cannot be read
            given.append(plan_parameters(plan))
        strategy_parameters(text, symbols.split(","), given)
    except UnknownStrategyError as error:
        _exit(error, EXIT_UNUSABLE)
    except StartError as error:
        _exit(error, EXIT_PARAMETER)


def _exit(error: Exception, code: int) -> NoReturn:
    sys.stderr.write(f"\n{error_text(error)}\n")
    sys.stderr.flush()
    sys.exit(code)


if __name__ == "__main__":
    main()
