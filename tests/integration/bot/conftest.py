"""The town in which the bot is tested."""

from tests.fakes.discord import edge, env, moderator_role_ids, openapi_judge, town

__all__ = ["edge", "env", "moderator_role_ids", "openapi_judge", "town"]
