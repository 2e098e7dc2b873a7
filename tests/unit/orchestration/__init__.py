"""The processes of a desk from outside: environment, configuration, control socket, and a stopped desk."""
