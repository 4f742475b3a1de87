"""Facts as data files, one entry per article, and the small code that loads and matches them."""
