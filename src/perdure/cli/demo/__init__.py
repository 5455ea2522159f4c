"""The package catalogue of a Debian system as an object graph: the job that `perdure demo` does."""
