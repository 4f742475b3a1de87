"""The nouns: frozen dataclasses that every other room speaks in. Imports no other room."""
