"""Start, watch and stop the processes of a desk; audit the files of a stopped one."""
