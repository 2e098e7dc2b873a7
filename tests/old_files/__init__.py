"""Data folders of earlier versions, which this version must open and continue, and the code that made them."""
