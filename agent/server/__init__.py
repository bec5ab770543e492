"""The embedded server: the Job API as an ASGI app on SQLite and a folder of files."""
