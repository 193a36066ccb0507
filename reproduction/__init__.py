"""The paper's tables and figures from resumable jobs, one run folder each."""
