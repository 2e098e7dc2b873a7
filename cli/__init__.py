"""The `paperdesk` command.

Commands start the processes of a desk under supervisord, query portfolio on its control socket, read ledgers, and print
the result. No trading decision is made here. This is the only package that prints.
"""
