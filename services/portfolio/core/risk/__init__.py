"""Risk rules, which check an order before it is made.

Each rule is a module of `rules` and ends with its declaration, a `RiskRule` (`rule.py`). `checks.py` applies the rules
that are active under the limits. The tables of `registry.py`, `utilization.py` and docs/risk.md are derived from the
declarations. Base rules apply to every order under any limits. The other rules apply only to orders that open, so that
they cannot prevent a close.
"""
