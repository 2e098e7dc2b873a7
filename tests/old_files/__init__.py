"""Data folders that earlier versions wrote and that this version must open and continue, and the code that made them."""
