"""What people see who open the gateway's address in a browser."""

import re

from tests.integration.gateway.workshop import Workshop


async def test_who_opens_the_gateways_address_is_told_what_it_is_and_where_to_go(
    workshop: Workshop,
) -> None:
    front = await workshop.client.get("/")
    assert (front.status, front.content_type) == (200, "text/html")
    text = await front.text()
    link = re.search(r'<a href="(/removal)">', text)
    assert link is not None
    assert (await workshop.client.get(link[1])).status == 200
