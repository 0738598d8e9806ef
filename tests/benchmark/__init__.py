"""The benchmark: what an export costs, beside the least that it could and what others take."""
