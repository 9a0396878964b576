"""A request for removal that nothing matches is a card in the moderators' channel all the same."""

from tests.fakes.discord import Town
from tests.integration.bot.test_appeals import cards, desk, fields, sweep


async def test_a_request_without_a_match_is_a_card_until_somebody_has_seen_it(town: Town) -> None:
    channel = await desk(town)
    requests = town.moderation.requests
    asked, _ = await requests.ask(
        link="gen_" + "0" * 20, words="that is **me** @everyone", contact="me@b.example"
    )
    await sweep(town)
    await sweep(town)
    [card] = cards(channel)
    told = fields(card)
    assert card.embeds[0].footer.text == asked.id
    assert (told["Answer to"], told["They sent"]) == ("me@b.example", "a link")
    assert r"\*\*me\*\*" in told["They say"]
    assert told["Answer by"] == f"<t:{int(asked.due_at.timestamp())}:R>"
    refused = await town.bob.click(card, label="Seen")
    [answer] = refused.followups
    assert "Only moderators" in answer.content
    await town.moderator.click(card, label="Seen")
    [card] = cards(channel)
    assert card.embeds[0].title == "Somebody asked for a removal: seen"
    assert str(town.moderator.id) in fields(card)["Seen by"]
    assert not card.components
    assert "removal_request.seen" in [entry.action for entry in town.memory.audit]


async def test_the_link_of_a_picture_that_we_posted_names_it(town: Town) -> None:
    job_id = await town.deliver()
    await town.bob.click(town.message_of(job_id), label="U2")
    posted = [one for message in town.channel.history() for one in message.attachments]
    grid = [one for one in posted if one.filename.startswith(f"impasto-{job_id}.")]
    single = [one for one in posted if one.filename.startswith(f"impasto-{job_id}-2.")]
    assert grid
    assert single
    requests = town.moderation.requests
    await requests.ask(link=single[0].url)
    assert [(one.job_id, one.picture_index) for one in town.memory.reviews.values()] == [
        (job_id, 1)
    ]
    asked, _ = await requests.ask(link=grid[0].url)
    assert asked.matches == 4
