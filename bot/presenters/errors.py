"""What Discord members read of a refusal: for every error code a sentence with a way out."""

from collections.abc import Mapping

import discord

from backend.domain.errors import BadInput, ImpastoError
from backend.domain.jobs import Failure

_AS_WRITTEN = "{message} {way_out}"

# A new error class needs a row here; `{message}` and `{way_out}` are the error's own words.
ERROR_SENTENCES: Mapping[str, str] = {
    "error": _AS_WRITTEN,
    "bad_input": _AS_WRITTEN,
    "prompt_empty": "There is nothing to draw yet. Write what you would like to see.",
    "prompt_too_long": _AS_WRITTEN,
    "prompt_too_deep": _AS_WRITTEN,
    "too_many_permutations": _AS_WRITTEN,
    "bracket_unbalanced": _AS_WRITTEN,
    "weight_out_of_range": _AS_WRITTEN,
    "quote_unclosed": _AS_WRITTEN,
    "parameter_not_supported": _AS_WRITTEN,
    "invalid_option": _AS_WRITTEN,
    "unknown_parameter": _AS_WRITTEN,
    "invalid_parameter": _AS_WRITTEN,
    "invalid_aspect_ratio": _AS_WRITTEN,
    "seed_out_of_range": _AS_WRITTEN,
    "steps_out_of_range": _AS_WRITTEN,
    "image_count_out_of_range": _AS_WRITTEN,
    "sampler_not_supported": _AS_WRITTEN,
    "tiling_not_supported": _AS_WRITTEN,
    "image_prompts_not_supported": _AS_WRITTEN,
    "picture_invalid": _AS_WRITTEN,
    "picture_link_invalid": _AS_WRITTEN,
    "picture_link_unreachable": _AS_WRITTEN,
    "picture_too_large": _AS_WRITTEN,
    "picture_operation_invalid": _AS_WRITTEN,
    "invalid_lora": _AS_WRITTEN,
    "too_many_loras": _AS_WRITTEN,
    "refused": _AS_WRITTEN,
    "link_refused": "This link has expired or was altered. Get a fresh one with `/show`.",
    "prompt_blocked": "This prompt is held back. Rephrase it, or ask a moderator to look at it.",
    "picture_blocked": "This picture is held back. {way_out}",
    "review_not_releasable": "Jobs of this category cannot be released. Press *Keep blocked*.",
    "not_allowed": _AS_WRITTEN,
    "unauthenticated": "Your account could not be recognised. Try again from inside a server.",
    "not_yours": _AS_WRITTEN,
    "moderators_only": _AS_WRITTEN,
    "guild_managers_only": _AS_WRITTEN,
    "not_there": _AS_WRITTEN,
    "job_not_found": "There is no such job any more. Check the id, or use `/imagine`.",
    "image_not_found": "This picture is no longer stored. Make a new one with 🔄 or `/imagine`.",
    "upload_not_found": "This picture is no longer here. Attach it again.",
    "review_not_found": _AS_WRITTEN,
    "recipe_not_found": "Nobody noted how these pictures were made. Make new ones with 🔄.",
    "recipe_incomplete": _AS_WRITTEN,
    "family_unavailable": _AS_WRITTEN,
    "no_live_worker": _AS_WRITTEN,
    "over_limit": _AS_WRITTEN,
    "too_many_uploads": _AS_WRITTEN,
    "too_many_checks": _AS_WRITTEN,
    "too_many_waiting": (
        "{message} Wait until one begins, end one with `/cancel`, or take another tier."
    ),
    "conflict": _AS_WRITTEN,
    "job_finished": "This job has already ended. Press 🔄 for a new one.",
    "job_not_delivered": "This job has no pictures yet. Wait until it is finished.",
    "idempotency_mismatch": "This click was already taken for something else. Press again.",
    "account_suspended": _AS_WRITTEN,
    "account_muted": _AS_WRITTEN,
    "account_banned": _AS_WRITTEN,
    "account_frozen": _AS_WRITTEN,
    "moderation_refused": _AS_WRITTEN,
    "appeal_impossible": _AS_WRITTEN,
    "appeal_repeated": _AS_WRITTEN,
    "report_repeated": _AS_WRITTEN,
    "too_many_reports": _AS_WRITTEN,
    "own_case": _AS_WRITTEN,
    "decision_impossible": _AS_WRITTEN,
    "removal_request_empty": _AS_WRITTEN,
    "removal_request_not_found": _AS_WRITTEN,
    "safety_report_not_found": _AS_WRITTEN,
    "too_many_requests": _AS_WRITTEN,
    "not_translated": _AS_WRITTEN,
    "unavailable": "A part of the workshop does not answer. Try again in a minute.",
}
_TELL = "Tell whoever runs this bot; the worker's log says more."
# A worker's own words name folders of its host, which are nobody's business here.
FAILURE_SENTENCES: Mapping[str, str] = {
    "worker_lost": "Several workers were lost while drawing this. Press 🔄 to try again.",
    "out_of_memory": "This does not fit into the GPU's memory. Try fewer or smaller pictures.",
    "model_not_configured": f"No model is set for this family. Take another family. {_TELL}",
    "model_missing": f"The model is not where it should be. {_TELL}",
    "model_broken": f"The model cannot be loaded. {_TELL}",
    # These say nothing of folders, and who chose an adapter wants to know what is wrong with it.
    "adapter_missing": "{message} Choose another, or leave it out.",
    "adapter_broken": f"{{message}} Take another one, or none. {_TELL}",
    "adapter_unfit": "{message} Take another one, or another family.",
    "bad_request": "The model cannot draw this. Try other options.",
    "tiling_not_supported": "This family cannot draw seamless tiles. Use `--family sdxl`.",
    "image_prompts_not_supported": (
        "The model drawn with here takes no image prompts. Start from the picture instead."
    ),
    "source_missing": "The picture to start from is no longer stored. Press 🔄 on a newer one.",
    "recipe_mismatch": (
        "The model or an adapter is no longer the one of this recipe. Press 🔄 for a new picture."
    ),
    "image_not_found": "The picture to start from no longer exists. Press 🔄 on a newer one.",
    "storage_full": f"There is no room left for pictures. {_TELL}",
    "hung": "The graphics card got stuck while drawing this. Press 🔄 to try again.",
    "storage_unavailable": "The pictures could not be stored. Press 🔄 to try again.",
    "internal": f"Something broke. Press 🔄 to try again. {_TELL}",
}


def sentence_for(error: ImpastoError) -> str:
    """Return what a member reads of an error; what they typed is shown literally."""
    template = ERROR_SENTENCES.get(error.code, _AS_WRITTEN)
    text = template.format(message=error.message, way_out=error.way_out).strip()
    return discord.utils.escape_mentions(text + _caret_of(error))


def _caret_of(error: ImpastoError) -> str:
    """Return what was typed with a mark under the character that is wrong, if one is."""
    if not isinstance(error, BadInput) or not error.caret:
        return ""
    # Nothing that is typed may end the block.
    return "\n```\n" + error.caret.replace("`", "'") + "\n```"


def failure_sentence(failure: Failure) -> str:
    """Return what a member reads of a failed job: a sentence and its stable code."""
    template = FAILURE_SENTENCES.get(failure.code, FAILURE_SENTENCES["internal"])
    message = discord.utils.escape_mentions(failure.message)
    return f"{template.format(message=message)} (`{failure.code}`)"
