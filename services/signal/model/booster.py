"""Inference by XGBoost itself: for models that the walk does not cover, and to hold the walk to."""

from __future__ import annotations

from typing import Final

import numpy as np

from services.signal.core.inference.forest import ModelFormatError
from services.signal.core.inference.kernel import Singles

_LARGEST: Final = float(np.finfo(np.float32).max)


class BoosterMargins:
    """A model as XGBoost serves it; about forty times slower on one row than the walk."""

    def __init__(self, model: bytes) -> None:
        """Load the model, in JSON or UBJ.

        Raises:
            ModelFormatError: XGBoost does not take it.
        """
        import xgboost

        self._xgboost = xgboost
        try:
            self._booster = xgboost.Booster(params={"nthread": 1}, model_file=bytearray(model))
            self._is_linear = '"name":"gblinear"' in self._booster.save_config().replace(" ", "")
        except xgboost.core.XGBoostError as error:
            raise ModelFormatError(f"XGBoost does not take it: {str(error).splitlines()[0]}") from None

    def margins(self, rows: Singles) -> Singles:
        """Untransformed scores, float32 of shape (rows, groups)."""
        if self._is_linear:
            # It cannot predict in place, and its matrix refuses infinities.
            matrix = self._xgboost.DMatrix(np.clip(rows, -_LARGEST, _LARGEST), nthread=1)
            found = self._booster.predict(matrix, output_margin=True)
        else:
            found = self._booster.inplace_predict(rows, predict_type="margin")
        return np.ascontiguousarray(found, dtype=np.float32).reshape(len(rows), -1)
