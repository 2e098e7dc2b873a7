"""The files of the gateway process: the journal, the simulated book, and the market it has published."""
