"""What every process of the desk needs and nothing of trading: loop, sockets, settings, clock, logs, metrics, storage.

It may import `proto`, never a service. A core (`services/*/core/`) may import none of it.
"""
