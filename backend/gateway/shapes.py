"""The shapes that fields of requests have, whatever they are called."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field


def _whole(value: object) -> object:
    """Let JSON's 86.0 be an integer, as JSON Schema does, and refuse words and booleans."""
    if isinstance(value, bool | str):
        raise ValueError("should be a whole number")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _number(value: object) -> object:
    if isinstance(value, bool | str):
        raise ValueError("should be a number")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _storable(value: str) -> str:
    """Refuse NUL, which PostgreSQL cannot store."""
    if "\0" in value:
        raise ValueError("should not contain NUL characters")
    return value


WholeNumber = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Text = Annotated[str, Field(strict=True), AfterValidator(_storable)]


class Incoming(BaseModel):
    """What all requests share: a misspelt field is told, not ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")
