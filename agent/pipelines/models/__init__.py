"""Where the weights are, which to take, and how they become files that an engine loads."""
