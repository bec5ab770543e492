"""What `install` writes: each module makes the files of one way to keep the agent running."""
