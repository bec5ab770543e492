"""Reads the text in a picture, whoever made the picture: an image, a page, a frame."""
