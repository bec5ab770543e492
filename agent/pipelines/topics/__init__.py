"""What a recording is about: where the subject changes, and what each one is called."""
