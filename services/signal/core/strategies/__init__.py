"""The strategies that come with the desk: a module each, called as the strategy, with one class whose name it is."""
