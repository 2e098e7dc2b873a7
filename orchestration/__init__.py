"""Start, watch and stop the processes of a desk, and audit the files of a stopped desk."""
