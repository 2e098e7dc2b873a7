"""A scripted stand-in for the MetaTrader5 package: the same functions, rows and numbers, and a small broker behind them.

`module.FakeTerminal` is what the adapter takes for the package; `rows` are its named tuples, `broker` its account. It keeps to what MetaQuotes
documents of the package, and to nothing that the adapter assumes.
"""
