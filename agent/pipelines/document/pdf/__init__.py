"""PDF pages become Markdown: their columns in order, with headings, lists and tables."""
