"""Projects, tasks and people, with a web front."""
