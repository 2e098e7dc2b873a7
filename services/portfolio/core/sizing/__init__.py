"""Position sizing: lots of an opening order, one method a file in `methods/`.

A method returns lots and the numbers they follow from; `sizer` bounds them and rounds them down to the volume step. A
new method is one file in `methods/` and one line in `sizer.py`. `volatility.py` has the estimate that one method needs.
"""
