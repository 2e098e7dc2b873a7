"""A scripted replacement for the MetaTrader5 package: the same functions, rows and numbers, with a small broker.

`module.FakeTerminal` replaces the package in the adapter, `rows` defines its named tuples, and `broker` the account.
The fake implements the behavior that MetaQuotes documents, independently of the adapter's assumptions.
"""
