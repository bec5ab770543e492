"""Models that say what a picture shows: in words, or in numbers."""
