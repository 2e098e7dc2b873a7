"""A scripted replacement for the MetaTrader5 package: the same functions, rows and numbers, with a small broker.

`module.FakeTerminal` replaces the package in the adapter; `rows` are its named tuples, `broker` its account. It
implements what MetaQuotes documents about the package, and nothing that the adapter assumes.
"""
