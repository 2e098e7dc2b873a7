"""Inference by XGBoost itself, for models that the tree walk does not support, and as the tree walk's reference."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.signal.core.inference.forest import ModelFormatError, ModelInfo
from services.signal.core.inference.kernel import Singles

_LARGEST: Final = float(np.finfo(np.float32).max)
_TRIAL_ROWS: Final = 200
_TRIAL_SEED: Final = 20_140_501


class BoosterMargins:
    """A model that XGBoost evaluates, for one row about forty times slower than the tree walk."""

    def __init__(self, model: bytes, info: ModelInfo) -> None:
        """Load the model, in JSON or UBJ, and test it by predicting the margins of many rows and of one row.

        Raises:
            ModelFormatError: XGBoost cannot load the model, or does not return a finite margin for each class.
        """
        # The import takes half a second, and most starts do not need it.
        import xgboost

        self._xgboost = xgboost
        try:
            self._booster = xgboost.Booster(params={"nthread": 1}, model_file=bytearray(model))
            self._is_linear = '"name":"gblinear"' in self._booster.save_config().replace(" ", "")
        except xgboost.core.XGBoostError as error:
            raise ModelFormatError(f"XGBoost cannot load it: {_first_line(error)}") from None
        # For XGBoost a range that ends with 0 means all rounds.
        self._range = (0, 0 if self._is_linear else info.rounds.used)
        random = np.random.Generator(np.random.PCG64(_TRIAL_SEED))
        rows = random.normal(size=(_TRIAL_ROWS, info.features)).astype(np.float32)
        rows[random.random(rows.shape) < 0.1] = np.nan
        try:
            found, alone = self.margins(rows), self.margins(rows[:1])
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise ModelFormatError(f"XGBoost can load it but cannot predict with it: {_first_line(error)}") from None
        groups = max(1, info.classes)
        if found.shape != (_TRIAL_ROWS, groups) or alone.shape != (1, groups) or not np.isfinite(found).all():
            shown = (
                "margins that are not finite"
                if found.shape == (_TRIAL_ROWS, groups)
                else f"margins of shape {found.shape}"
            )
            raise ModelFormatError(
                f"XGBoost returns {shown} for {_TRIAL_ROWS} rows, expected {groups} finite margins for each row"
            )

    def margins(self, rows: Singles) -> Singles:
        """Return the margins (untransformed scores), float32 of shape (rows, classes).

        `rows` are float32 of shape (rows, features). A model without classes has one column of margins.
        """
        if self._is_linear:
            # A linear booster cannot predict in place, and a DMatrix refuses infinities. XGBoost need not validate the
            # names of the features, because the loader has compared them.
            matrix = self._xgboost.DMatrix(np.clip(rows, -_LARGEST, _LARGEST), nthread=1)
            found = self._booster.predict(matrix, output_margin=True, validate_features=False)
        else:
            found = self._booster.inplace_predict(rows, iteration_range=self._range, predict_type="margin")
        return np.ascontiguousarray(found, dtype=np.float32).reshape(len(rows), -1)


def _first_line(error: Exception) -> str:
    """Return XGBoost's error message without source line and stack trace."""
    return str(error).splitlines()[0].rpartition(": Check failed: ")[2].rstrip(": ")
