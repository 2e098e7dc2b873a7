"""The watchdog, part by part."""
