"""Speech to text: one small interface, two libraries behind it."""
