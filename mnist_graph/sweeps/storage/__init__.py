"""Where the trials of a sweep are kept: a journal file, or a PostgreSQL database."""
