"""Terms of symbols in TOML files.

`loader` reads and checks a file, `fields` parses each field, and `writer` composes the text of a file. The folder
examples has the files that come with the package.
"""
