"""Commands of the command line as processes of their own, with files and readers as they come."""
