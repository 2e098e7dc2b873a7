"""The parts that every process shares."""
