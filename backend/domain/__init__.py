"""The words of the house as frozen dataclasses: requests, prompts, jobs, events, errors."""
