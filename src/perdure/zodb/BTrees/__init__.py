"""Trees: ordered mappings and sets of any size, a module for each family of key and value types."""
