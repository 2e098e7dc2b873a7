"""The signal process over real sockets and files."""
