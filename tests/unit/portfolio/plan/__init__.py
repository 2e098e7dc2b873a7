"""Trading plans, on a desk with one."""
