"""The strategies that come with the desk."""
