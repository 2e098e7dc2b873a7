"""The desk's messages, and the trading arithmetic that both sides of them share.

Messages, gateway requests and replies, units and money rules, routes and the codec live here. Nothing in this package
opens a socket, reads a clock or a file, or knows about a service; every service may import it. `PROTOCOL.md` beside
this file describes the same for authors of a peer in another language.
"""
