"""The processes of the desk, one folder each: a pure core that decides and a thin shell with sockets and files."""
