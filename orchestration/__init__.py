"""Starting, watching and stopping the processes of a desk, and looking over what a stopped one leaves."""
