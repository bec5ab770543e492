"""Web pages, saved or fetched, become Markdown."""
