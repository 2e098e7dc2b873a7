"""What people ask: views of the account, status, explanations, and what would help against a denial. Changes nothing."""
