"""The web process: a page, an HTTP API and a WebSocket for people and their scripts.

It reads the ledger, queries portfolio over the control socket, and subscribes to the ticks of the gateway. No other
process waits for it, so it can hang or crash without effect on trading.
"""
