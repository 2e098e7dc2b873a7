"""The strategies that come with the desk: each module has the name of its strategy and one class."""
