"""Tests of the web page with Debian's Chromium and the processes of real desks."""
