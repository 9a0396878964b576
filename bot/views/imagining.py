"""From a request to its jobs in the channel; explained first if that was asked, or if many."""

import discord

from backend.domain.requests import GenerationRequest
from bot.presenters.explanations import confirm_text, explanation_text
from bot.views.answers import say
from bot.views.job_message import answer_with_job, post_followup
from bot.views.result_buttons import buttons_for
from bot.views.workshop import workshop_of

# More jobs than these of one prompt are asked about first.
UNASKED_MAX = 4


async def imagine(
    interaction: discord.Interaction,
    request: GenerationRequest,
    *,
    is_dry: bool = False,
    is_confirmed: bool = False,
) -> None:
    """Put a request's jobs in line and show each; or say what they would be.

    Raises:
        ImpastoError: it cannot be had.

    """
    services = workshop_of(interaction.client).services
    if is_dry or await services.explanations.is_asked(request):
        await say(interaction, explanation_text(await services.explanations.explain(request)))
        return
    if not is_confirmed and await services.explanations.count(request) > UNASKED_MAX:
        await say(interaction, confirm_text(await services.explanations.explain(request)))
        return
    first, *others = await services.generations.submit_all(request)
    await answer_with_job(interaction, first, buttons=buttons_for(first.job))
    for view in others:
        await post_followup(interaction, view, buttons=buttons_for(view.job))
