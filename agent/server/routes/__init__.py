"""The routes of the Job API, a module for each section."""
