"""Terms of symbols in TOML files: `loader` reads and checks a file, `fields` each field of it, `writer` writes one.

The folder examples holds the files that come with the package.
"""
