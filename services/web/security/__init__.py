"""Users, sessions, tokens, and checks of each request."""
