"""How many lots an order opens: one method a file in `methods/`, `sizer` rounds what they want to what may be traded.

A method says how many lots it wants and in which numbers it found them; `sizer` bounds that and rounds it down to the volume
step. A new method is one small file and one line in `sizer.py`. `volatility.py` is the estimate that one of them needs.
"""
