"""Who spoke when: networks hear voices, arithmetic makes speakers, words get their names."""
