"""Durable, shared, transactional and searchable Python objects."""
