"""Files with plans and limits."""
