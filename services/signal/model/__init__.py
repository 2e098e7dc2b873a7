"""Model files: manifest, evaluation by XGBoost, check of the tree walk against XGBoost, and cache of kernels."""
