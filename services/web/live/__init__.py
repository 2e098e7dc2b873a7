"""The state that pages show, and the WebSocket that carries its changes."""
