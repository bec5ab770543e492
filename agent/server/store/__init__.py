"""The truth: SQLite tables, one writer, and the operations that apply the job machine to them."""
