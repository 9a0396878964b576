"""Dry runs and sets over REST."""

import pytest

from tests.integration.gateway.workshop import Workshop


@pytest.mark.parametrize(
    ("path", "prompt"),
    [
        ("/v1/generations?dry_run=true", "a (red:1.3) fox::2 snow --q .5"),
        ("/v1/generations", "a (red:1.3) fox::2 snow --q .5 --dry"),
    ],
)
async def test_a_dry_run_says_what_would_be_and_leaves_nothing(
    workshop: Workshop, path: str, prompt: str
) -> None:
    response = await workshop.client.post(path, json={"prompt": prompt}, headers=workshop.alice)
    said = await response.json()
    assert response.status == 200, said
    assert (said["dry_run"], said["jobs"]) == (True, 1)
    [one] = said["prompts"]
    assert [part["weight"] for part in one["parts"]] == [2, 1]
    assert one["parts"][0]["terms"][1] == {"text": "red", "weight": 1.3}
    first = one["parts"][0]
    assert prompt[first["begin"] : first["end"]] == "a (red:1.3) fox"
    assert one["resolved"]["steps"] == 8
    assert (one["resolved"]["width"], one["resolved"]["height"]) == (512, 512)
    assert [count["encoder"] for count in one["tokens"]] == ["clip_l", "clip_g"]
    assert [count["tokens"] for count in one["tokens"]] == [[3, 3], [3, 3]]
    assert one["safety"] == {"outcome": "allow", "category": None}
    assert any("--quality is approximated" in note for note in one["notes"])
    assert one["cost_gpu_s"] == said["cost_gpu_s"] > 0
    listed = await workshop.client.get("/v1/generations", headers=workshop.alice)
    assert (await listed.json())["data"] == []


async def test_a_dry_run_tells_the_category_of_what_would_be_held_and_no_rule(
    workshop: Workshop,
) -> None:
    response = await workshop.client.post(
        "/v1/generations?dry_run=true", json={"prompt": "forbidden"}, headers=workshop.alice
    )
    assert response.status == 200
    text = await response.text()
    assert "secret_rule" not in text
    [one] = (await response.json())["prompts"]
    assert one["safety"] == {"outcome": "block", "category": "violence"}


async def test_a_wrong_prompt_is_told_with_its_place(workshop: Workshop) -> None:
    for path in ("/v1/generations", "/v1/generations?dry_run=true"):
        response = await workshop.client.post(
            path, json={"prompt": "a (red fox"}, headers=workshop.alice
        )
        problem = await response.json()
        assert (response.status, problem["code"]) == (422, "bracket_unbalanced")
        assert problem["position"] == 2
        assert problem["caret"] == "a (red fox\n  ^"


async def test_braces_are_answered_with_all_their_jobs_and_the_same_again(
    workshop: Workshop,
) -> None:
    headers = {**workshop.alice, "Idempotency-Key": "k"}
    answers = []
    for _ in range(2):
        response = await workshop.client.post(
            "/v1/generations", json={"prompt": "a {red, blue} fox --c 20"}, headers=headers
        )
        assert response.status == 202
        answers.append(await response.json())
    first, again = answers
    assert first["object"] == "set"
    ids = [job["id"] for job in first["jobs"]]
    assert first["id"] == ids[0]
    assert [job["id"] for job in again["jobs"]] == ids
    assert "--chaos is approximated" in first["jobs"][1]["notes"][0]
    assert first["held_gpu_s"] == pytest.approx(
        sum(job["cost"]["held_gpu_s"] for job in first["jobs"])
    )
    shown = await workshop.client.get(f"/v1/generations/{ids[1]}", headers=workshop.alice)
    assert (await shown.json())["params"]["prompt"] == "a blue fox"


async def test_too_many_permutations_are_refused_before_any_is_made(workshop: Workshop) -> None:
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "a fox --repeat 11"}, headers=workshop.alice
    )
    assert (response.status, (await response.json())["code"]) == (422, "too_many_permutations")
    listed = await workshop.client.get("/v1/generations", headers=workshop.alice)
    assert (await listed.json())["data"] == []


async def test_saved_options_and_a_suffix_are_kept_and_count(workshop: Workshop) -> None:
    client, alice = workshop.client, workshop.alice
    path = "/v1/preferences"
    kept = await client.put(
        f"{path}/options/wide", json={"value": "--ar 16:9 --q 2"}, headers=alice
    )
    assert (kept.status, (await kept.json())["options"]) == (200, {"wide": "--ar 16:9 --q 2"})
    await client.put(f"{path}/suffix", json={"value": "--relax"}, headers=alice)
    shown = await (await client.get(path, headers=alice)).json()
    assert shown == {"options": {"wide": "--ar 16:9 --q 2"}, "suffix": "--relax", "metadata": False}
    job = await workshop.create(prompt="a fox --wide")
    generation = await (await client.get(f"/v1/generations/{job}", headers=alice)).json()
    assert (generation["params"]["aspect_ratio"], generation["tier"]) == ("16:9", "relax")
    refused = await client.post(
        "/v1/generations", json={"prompt": "a --wide"}, headers=workshop.bob
    )
    assert (await refused.json())["code"] == "unknown_parameter"
    gone = await client.delete(f"{path}/options/wide", headers=alice)
    assert (await gone.json())["options"] == {}
    wrong = await client.put(f"{path}/options/ar", json={"value": "--q 2"}, headers=alice)
    assert (wrong.status, (await wrong.json())["code"]) == (422, "invalid_option")
