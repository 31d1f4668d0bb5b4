"""The promotion gate: whether the workloads of a stage may go on, by a written policy."""
