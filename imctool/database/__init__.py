"""What was read of the evidence, as rows of SQLite: the nouns of the model and their tables."""
