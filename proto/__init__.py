"""The wire of the desk, and the trading arithmetic that both of its sides share.

Messages, gateway requests and replies, units and money rules, routes and the codec live here. Nothing in this package
opens a socket, reads a clock or a file, or knows about a service; every service may import it. `PROTOCOL.md` beside
this file says the same in words for whoever writes a peer in another language.
"""
