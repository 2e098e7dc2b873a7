"""The signal core and its facade, without sockets."""
