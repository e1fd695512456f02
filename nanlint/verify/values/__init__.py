"""Values for arguments that reach a line: which of them make it fail, and the smallest of those."""
