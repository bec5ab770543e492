"""One process for each stranger's file, which can do little but read it."""
