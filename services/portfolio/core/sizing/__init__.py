"""Position sizing computes the lots of an opening order. Each method is a file in `methods/`.

A method returns lots and a text with the numbers from which it computed them. `sizer.py` limits the lots and rounds
them down to the volume step. A new method needs a value of `SizingMethod`, a file in `methods/` and a line in
`sizer.py`. `volatility.py` estimates the volatility for the method `volatility`.
"""
