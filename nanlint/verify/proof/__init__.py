"""Whether an operation's result is finite for every input of a stated range: intervals over a traced graph."""
