"""Several pieces with real sockets and files between them."""
