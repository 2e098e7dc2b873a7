"""Decides ticks, signals and commands of people; the results are events, and nothing is sent from here."""
