"""Risk: the checks that an order passes before it exists.

A rule is a module of `rules`, which ends with its declaration (`rule`). `checks` applies the rules that are active
under the `limits`; `registry`, `utilization` and docs/risk.md derive the rest from the declarations. Base rules apply
to every order under any limits; the other rules only to the opening part of an order, so that none can prevent a close.
"""
