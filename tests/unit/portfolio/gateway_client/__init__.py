"""The desk as a client of the gateway, and faults between them."""
