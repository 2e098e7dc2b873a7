"""System tests: real processes are started, killed and observed from outside."""
