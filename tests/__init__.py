"""What holds Paperdesk to its word. Folders go by what a test needs: nothing, seeds, a process, the whole desk."""
