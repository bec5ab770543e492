"""Speech in any known container becomes a transcript."""
