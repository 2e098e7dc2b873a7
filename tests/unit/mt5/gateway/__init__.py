"""The gateway: publication, requests, lease and orders, over the simulated venue."""
