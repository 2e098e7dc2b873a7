"""Conditions of the desk: each is produced by its real cause and checked in status, screen, log and documents."""
