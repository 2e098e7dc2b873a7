"""The watchdog kills processes that hang, so that supervisord restarts them, and raises alerts.

supervisord restarts a process that dies, but does not notice a process that hangs. The watchdog is an event listener of
supervisord. It reads the heartbeats of the other processes, kills a process that hangs, and alerts an operator to
failures, such as a program that supervisord does not restart any more. The other processes do not depend on the
watchdog: without it supervisord still restarts processes that die.
"""
