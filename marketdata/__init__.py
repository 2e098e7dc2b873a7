"""Tick streams, the generated market, tick files and instruments.

The package imports no service. Except for `files` and the loading of instrument files it performs no input or output,
so that cores may use it.
"""
