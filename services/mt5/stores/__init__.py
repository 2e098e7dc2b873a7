"""The files of the gateway process: journal, simulated broker's book, and states of the generated market."""
