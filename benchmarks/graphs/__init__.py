"""Complex graphs, immutable and not: size on disk, creation and loading."""
