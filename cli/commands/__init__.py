"""The commands, a file for each or for closely tied few; `cli.main` joins them."""
