"""The strategies that come with the desk. Each module has the name of its strategy."""
