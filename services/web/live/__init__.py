"""The cells, and the WebSocket that sends their changes."""
