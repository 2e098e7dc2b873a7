"""Plans and limits as files."""
