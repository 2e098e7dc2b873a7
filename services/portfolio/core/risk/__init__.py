"""Risk rules: what an order has to pass before it exists.

A rule is a module of `rules` with `check(order, context, now_ns) -> Denial | None`; `checks.py` has their order. Base rules
are asked about every order in any set of limits; limits only about what an order opens, so that none can stop a close.
"""
