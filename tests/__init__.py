"""Tests of Paperdesk, in folders by what a test needs: nothing, seeds, a process, the whole desk."""
