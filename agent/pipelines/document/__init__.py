"""Documents and text become Markdown."""
