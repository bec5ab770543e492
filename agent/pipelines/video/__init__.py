"""Videos: their scenes, their pictures, and what is said and shown in them."""
