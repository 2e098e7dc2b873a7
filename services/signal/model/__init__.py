"""Model files: manifest, booster, the check of our inference against XGBoost, and the cache of compiled kernels."""
