"""System tests: real processes, started, killed and observed from outside."""
