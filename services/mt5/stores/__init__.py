"""The files of the gateway process: the journal, the simulated book, and the states of the generated market."""
