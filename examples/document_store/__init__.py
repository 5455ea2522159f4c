"""A store of documents for several tenants, each in a database of its own."""
