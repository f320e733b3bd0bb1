"""A fleet that does not exist: believable hosts behind real SSH, for the demo and the benchmark."""
