"""Data folders that earlier versions wrote, which this one must open and go on with, and what they were made by."""
