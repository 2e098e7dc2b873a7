"""A desk that asks the gateway, and what may go wrong between them."""
