"""`make bench-peers`: the same trades in other backtesting libraries and in Paperdesk, one after another.

Each `run_*` module runs one library in a process of its own and prints one line of JSON. Those of other libraries run
with the interpreter of a throw-away environment, which is built from `requirements/peers.lock` and has none of
Paperdesk's packages. So they, `work`, `crossing` and `model_loop` import nothing of Paperdesk outside this package.
"""
