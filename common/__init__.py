"""Base of every process, without trading: event loop, sockets, settings, clock, logs, metrics, storage.

This package imports `proto`, never a service. A core (`services/*/core/`) imports nothing from here.
"""
