"""What watches over the desk's processes: it has supervisord restart those that hang, and tells when one is lost.

supervisord restarts what dies, and does not see what hangs. This is an event listener of supervisord's: it reads the
heartbeats of the other processes, kills one that shows no life, and tells an operator what supervisord has given up on.
It knows nothing of trading, and nothing waits for it: while it is away, processes that die are restarted all the same.
"""
