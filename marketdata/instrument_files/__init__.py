"""Terms of symbols in TOML files.

`loader` reads and checks a file, `fields` parses each field, and `writer` writes a file. The folder examples contains
the files that come with the package.
"""
