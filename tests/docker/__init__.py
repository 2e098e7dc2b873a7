"""The desk in containers, on a real Docker Engine: `make test-docker`."""
