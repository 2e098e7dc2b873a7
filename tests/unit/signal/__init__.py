"""The core of the signal process and its use as a library, without sockets."""
