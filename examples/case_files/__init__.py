"""Case files of several law firms in one database: who sees which case, and what of it."""
