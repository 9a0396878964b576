"""The words of the house as frozen dataclasses: requests, prompts, tiers, jobs, results, events, errors."""
