"""Looks at images: what they are, what is written in them, and what they look like."""
