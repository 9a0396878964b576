"""What every `JobStore` promises of where somebody asked."""

from backend.domain.requests import Place
from tests.builders import a_birth, a_job, a_request, a_requester
from tests.contract.db.conftest import Stores


async def test_where_somebody_asked_is_kept_with_the_job(stores: Stores):
    place = Place(guild_id="1", channel_id="2", is_age_restricted=True, roles=("3", "4"))
    request = a_request(requester=a_requester(place=place))
    job = await stores.jobs.add(a_birth(a_job(request=request)), fingerprint="f")
    again = await stores.jobs.get(job.id)
    assert again is not None
    assert again.request.requester.place == place
