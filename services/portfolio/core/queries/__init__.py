"""Replies to queries of people: views of the account, status, explanations and hints. No query changes the account."""
