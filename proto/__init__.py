"""Messages between the processes of the desk, and the trading arithmetic that they share.

The package contains messages, gateway requests and replies, units, money rules, default ports, topics and the codec. It
opens no socket, reads no clock and no file, and imports no service. Every service may import it. `PROTOCOL.md` in this
folder specifies the messages for programmers who connect a program in another language.
"""
