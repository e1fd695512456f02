"""Child processes in which code of the user's runs, with limits, so that the parent outlives whatever it does."""
