"""Tests of the gateway with the simulated venue: publication, requests, lease and orders."""
