"""The vocabulary of speech: a recording on the disk, stretches of it, and what was said in them."""
