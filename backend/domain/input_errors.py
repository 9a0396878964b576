"""What may be wrong with a request itself, and the root of all that Impasto refuses.

The tree is drawn in `backend.domain.errors`, which offers all of it.
"""

from typing import ClassVar, Final, Self

# How much of a prompt is shown around the character that is wrong.
CARET_BEFORE: Final = 40
CARET_AFTER: Final = 24


class ImpastoError(Exception):
    """Something a person asked for that cannot be done, with a stable code and a way out."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out


class BadInput(ImpastoError):
    """The request itself is wrong.

    `position` counts the characters of what was typed before the one that is wrong, where there is
    one; `caret` shows it: a line of what was typed, and below it a line that points.
    """

    code = "bad_input"
    position: int | None = None
    caret: str = ""

    def at(self, position: int, *, typed: str) -> Self:
        """Note at which character of what was typed it went wrong."""
        self.position = position
        begin = max(0, position - CARET_BEFORE)
        line = "".join(
            one if one.isprintable() else " " for one in typed[begin : position + CARET_AFTER]
        )
        self.caret = f"{line}\n{' ' * (position - begin)}^"
        return self


class PromptEmpty(BadInput):
    """There are no words to draw."""

    code = "prompt_empty"

    def __init__(self) -> None:
        super().__init__("The prompt is empty.", way_out="Say what you would like to see.")


class PromptTooLong(BadInput):
    """The prompt has more characters than allowed."""

    code = "prompt_too_long"

    def __init__(self, *, characters: int, limit: int) -> None:
        super().__init__(
            f"The prompt has {characters} characters; at most {limit} are read.",
            way_out="Shorten it and try again.",
        )


class PromptTooDeep(BadInput):
    """Brackets inside brackets, more of them than anybody reads."""

    code = "prompt_too_deep"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"Brackets are read {limit} deep and no deeper.",
            way_out="Write one weight in place of many brackets: (fox:1.6).",
        )


class TooManyPermutations(BadInput):
    """A prompt that stands for more jobs than may be asked for at once."""

    code = "too_many_permutations"

    def __init__(self, *, count: int, limit: int, tier: str = "") -> None:
        where = f" in {tier}" if tier else ""
        super().__init__(
            f"This prompt stands for {count} jobs; {limit} at most are asked for at once{where}.",
            way_out="Take some of the words in { } away, or a smaller --repeat.",
        )


class BracketUnbalanced(BadInput):
    """A bracket that is opened and never closed, or that holds what it cannot."""

    code = "bracket_unbalanced"

    def __init__(self, *, bracket: str, closing: str) -> None:
        super().__init__(
            f"The bracket {bracket} is never closed.",
            way_out=f"Close it with {closing}, or write \\{bracket} for the character itself.",
        )


class WeightOutOfRange(BadInput):
    """A weight that is too large, or weights that come to nothing."""

    code = "weight_out_of_range"

    def __init__(self, message: str, *, way_out: str) -> None:
        super().__init__(message, way_out=way_out)


class QuoteUnclosed(BadInput):
    """A quoted value without its second quotation mark, or with words after it."""

    code = "quote_unclosed"

    def __init__(self, *, name: str) -> None:
        super().__init__(
            f"The quotation mark of --{name[:32]} has no partner at the end of the value.",
            way_out=f'Write --{name[:32]} "like this", or \\" for the character itself.',
        )


class ParameterNotSupported(BadInput):
    """A parameter of other workshops that is not drawn here, or not by this family."""

    code = "parameter_not_supported"

    def __init__(self, *, what: str, why: str, way_out: str) -> None:
        super().__init__(f"{what} cannot be had here: {why}", way_out=way_out)


class InvalidOption(BadInput):
    """A saved option or suffix that cannot be one."""

    code = "invalid_option"

    def __init__(self, message: str) -> None:
        super().__init__(
            message, way_out="Save for example an option `wide` with the value --ar 16:9 --q 2."
        )


class UnknownParameter(BadInput):
    """A `--word` nobody knows."""

    code = "unknown_parameter"

    def __init__(self, *, name: str, known: tuple[str, ...]) -> None:
        super().__init__(
            f"There is no parameter --{name[:32]}.",
            way_out="Known parameters: " + ", ".join(f"--{word}" for word in known) + ".",
        )


class InvalidParameter(BadInput):
    """A known parameter with a value it cannot take."""

    code = "invalid_parameter"

    def __init__(self, *, name: str, expected: str) -> None:
        super().__init__(f"--{name} needs {expected}.", way_out=f"Write for example {expected}.")


class InvalidAspectRatio(BadInput):
    """An aspect ratio that is no ratio, or too narrow."""

    code = "invalid_aspect_ratio"

    def __init__(self, *, given: str) -> None:
        super().__init__(
            f"{given[:32]} is not an aspect ratio between 1:3 and 3:1.",
            way_out="Use whole numbers, for example --ar 3:2.",
        )


class SeedOutOfRange(BadInput):
    """A seed that does not fit in 32 bits."""

    code = "seed_out_of_range"

    def __init__(self) -> None:
        super().__init__(
            "A seed is a whole number from 0 to 4294967295.",
            way_out="Pick a smaller one or leave --seed out.",
        )


class StepsOutOfRange(BadInput):
    """A number of denoising steps that is too small or too large."""

    code = "steps_out_of_range"

    def __init__(self, *, least: int, most: int) -> None:
        super().__init__(
            f"Steps are a whole number from {least} to {most}.",
            way_out="Leave --steps out for the model's own choice.",
        )


class ImageCountOutOfRange(BadInput):
    """Too few or too many pictures in one job."""

    code = "image_count_out_of_range"

    def __init__(self, *, least: int, most: int) -> None:
        super().__init__(
            f"One job makes {least} to {most} pictures.", way_out="Ask for fewer pictures."
        )


class SamplerNotSupported(BadInput):
    """A sampler the family cannot be drawn with."""

    code = "sampler_not_supported"

    def __init__(self, *, sampler: str, family: str, supported: tuple[str, ...]) -> None:
        super().__init__(
            f"{family} cannot be drawn with {sampler}.",
            way_out=f"Use one of: {', '.join(supported) or 'none yet'}.",
        )


class InvalidLora(BadInput):
    """A LoRA that is no name, or a scale it cannot have."""

    code = "invalid_lora"

    def __init__(self, *, given: str) -> None:
        super().__init__(
            f"{given[:64]} is no LoRA with a scale from -4 to 4.",
            way_out="Write its name and how strongly it counts, for example pixel-art:0.8.",
        )


class TooManyLoras(BadInput):
    """More LoRAs than one picture is drawn with."""

    code = "too_many_loras"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"A picture is drawn with at most {limit} LoRAs.", way_out="Leave some of them out."
        )


class RecipeIncomplete(BadInput):
    """A recipe that began with pictures, without the job that has them."""

    code = "recipe_incomplete"

    def __init__(self) -> None:
        super().__init__(
            "This recipe began with a picture that does not come with it.",
            way_out="Name the job instead: only who owns it can draw it again.",
        )


class TilingNotSupported(BadInput):
    """A family whose network knows where a picture ends."""

    code = "tiling_not_supported"

    def __init__(self, *, family: str, supported: tuple[str, ...]) -> None:
        super().__init__(
            f"{family} cannot draw seamless tiles.",
            way_out=f"Use {' or '.join(supported)}, or leave --tile out.",
        )


class ImagePromptsNotSupported(BadInput):
    """A family that takes no pictures beside the words."""

    code = "image_prompts_not_supported"

    def __init__(self, *, family: str, supported: tuple[str, ...]) -> None:
        super().__init__(
            f"{family} takes no image prompts.",
            way_out=f"Use {' or '.join(supported)}, or start from the picture instead.",
        )


class PictureInvalid(BadInput):
    """An upload that is no picture we read."""

    code = "picture_invalid"

    def __init__(self) -> None:
        super().__init__(
            "This is not a picture that can be read.",
            way_out="Send a PNG, JPEG, WebP, AVIF or GIF that is not damaged.",
        )


class PictureTooLarge(BadInput):
    """An upload, or what is to become of a picture, is larger than allowed."""

    code = "picture_too_large"

    def __init__(self, *, limit: str) -> None:
        super().__init__(f"This picture is too large: {limit}.", way_out="Use a smaller one.")


class PictureOperationInvalid(BadInput):
    """Something is asked of a picture that cannot be done to it."""

    code = "picture_operation_invalid"

    def __init__(self, reason: str, *, way_out: str) -> None:
        super().__init__(reason, way_out=way_out)
