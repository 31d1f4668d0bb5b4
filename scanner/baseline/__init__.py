"""Policy as code: the approved access of each workload as reviewable files, and what goes beyond it."""
