"""The courier, without sockets."""
