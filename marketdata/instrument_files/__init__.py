"""Terms of symbols in TOML files: `loader` reads and judges one, `fields` each field of it, `writer` writes one.

The folder examples has the files that come with the package.
"""
