"""The watchdog: it kills processes that hang, so that supervisord restarts them, and raises alerts.

supervisord restarts a process that dies, and does not notice one that hangs. The watchdog is an event listener of
supervisord: it reads the heartbeats of the other processes, kills one that hangs, and alerts an operator to a program
that supervisord has given up. It knows nothing of trading, and nothing depends on it: while it is away, processes that
die are restarted nevertheless.
"""
