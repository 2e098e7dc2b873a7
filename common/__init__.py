"""Base of every process, without trading: event loop, sockets, settings, clock, logs, metrics, storage.

May import `proto`, never a service. A core (`services/*/core/`) imports nothing from here.
"""
