"""What a job will probably cost, by what was learned."""

from backend.domain.families import ModelFamily
from backend.scheduling.costs import CostModel, first_guess_s
from backend.service.predictions import KEPT_S, Predictions
from tests.builders import a_spec
from tests.fakes.stores import MemoryQueueDocuments


async def learn(documents: MemoryQueueDocuments, gpu_s: float) -> None:
    costs = CostModel()
    for _ in range(20):
        costs.learn(costs.kind_of(a_spec()), gpu_s)
    await documents.save(ModelFamily.SDXL, {"costs": costs.as_json()})


async def test_before_anything_was_drawn_size_is_the_guess() -> None:
    predictions = Predictions(documents=MemoryQueueDocuments())
    assert await predictions.predict_s(a_spec()) == first_guess_s(CostModel().kind_of(a_spec()))


async def test_what_the_dispatcher_learned_is_believed_and_looked_up_again_later() -> None:
    documents, seconds = MemoryQueueDocuments(), [1.0]
    predictions = Predictions(documents=documents, seconds=lambda: seconds[0])
    await learn(documents, 7.0)
    assert round(await predictions.predict_s(a_spec()), 3) == 7.0
    await learn(documents, 5.0)
    seconds[0] += KEPT_S / 2
    assert round(await predictions.predict_s(a_spec()), 3) == 7.0
    seconds[0] += KEPT_S / 2
    assert round(await predictions.predict_s(a_spec()), 3) == 5.0
