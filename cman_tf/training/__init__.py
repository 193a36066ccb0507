"""Training: the run folder, the schedule, the loop over epochs."""
