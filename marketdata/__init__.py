"""Tick streams, the generated market, tick files and instruments.

No module imports `services`. Only `files` and `instrument_files` read or write files, so that the cores of the services
may import the other modules.
"""
