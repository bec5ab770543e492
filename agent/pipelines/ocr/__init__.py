"""Recognises letters in pictures."""
