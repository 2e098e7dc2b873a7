"""The risk ladder: rules that an order has to pass before it exists.

A rule is a module of `rules` with one function, `check(order, account, now_ns) -> Denial | None`; `checks.py` has their
order. What every order must satisfy to be one at all, and what the desk may do at all, is checked in any set; limits on what
an order opens are asked only about an order that opens something, so that none of them can stop a close.
"""
