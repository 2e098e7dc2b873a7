"""Risk: the checks that an order passes before it exists.

A rule is a module of `rules`, which ends with its declaration (`rule`). `checks` asks the rules that are active under
the `limits`; `registry`, `utilization` and docs/risk.md derive the rest from the declarations. Base rules are asked of
every order in any set of limits; limits only of what an order opens, so that none can prevent a close.
"""
