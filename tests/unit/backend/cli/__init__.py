"""Commands of `impasto`, without the processes they start."""
