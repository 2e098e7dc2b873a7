"""The `paperdesk` command: what a person starts, reads and prints.

Nothing here decides anything of trading. Commands start the processes under supervisord, ask them over their control
socket, read ledgers that others wrote, and say what came out. This is the one package that prints.
"""
