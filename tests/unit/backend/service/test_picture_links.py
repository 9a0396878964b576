"""What links to pictures say, made by the signers that make them."""

from pathlib import Path

import pytest

from backend.service.picture_links import NamedJob, PictureLink, read_link
from storage.keys import image_key
from storage.link_signer import LinkSigner
from storage.link_signers.cloudflare import CloudflareLinkSigner
from storage.link_signers.own import OwnLinkSigner
from storage.link_signers.s3 import S3LinkSigner
from tests.builders import NOW

JOB = "gen_0123456789abcdef0123"
SHA256 = "ab" * 32
KEY = image_key(SHA256, "thumbnail_512", "webp")


def named(*jobs: tuple[str, int | None]) -> PictureLink:
    return PictureLink(
        jobs=tuple(NamedJob(job_id=job, index=index) for job, index in jobs),  # type: ignore[arg-type]  # ids are words
        digests=(),
    )


@pytest.mark.parametrize(
    ("link", "said"),
    [
        (JOB, named((JOB, None))),
        (f"https://x.test/v1/images/{JOB}/1", named((JOB, 1))),
        (f"https://x.test/v1/generations/{JOB}/images/3/variations", named((JOB, 3))),
        (f"{JOB}-2", named((f"{JOB}-2", None), (JOB, 1))),
        (
            f"https://cdn.discordapp.com/attachments/1/2/impasto-{JOB}-4.webp?ex=1&is=2&hm=3f",
            named((f"{JOB}-4", None), (JOB, 3)),
        ),
        (
            f"https://media.discordapp.net/attachments/1/2/SPOILER_impasto-{JOB}-12-1.png?ex=1",
            named((f"{JOB}-12-1", None), (f"{JOB}-12", 0)),
        ),
        (
            f"https://cdn.discordapp.com/attachments/1/2/impasto-{JOB}.jpeg?ex=6",
            named((JOB, None)),
        ),
        ("https://x.test/a-picture", PictureLink(jobs=(), digests=())),
        ("gen_0123", PictureLink(jobs=(), digests=())),
        (f"{JOB}4", PictureLink(jobs=(), digests=())),
        ("f" * 65, PictureLink(jobs=(), digests=())),
        ("", PictureLink(jobs=(), digests=())),
    ],
)
def test_a_link_says_which_job_and_which_picture_of_it(link: str, said: PictureLink) -> None:
    assert read_link(link) == said
    assert said.says_nothing is (not said.jobs)


def test_a_link_to_a_file_says_whose_it_is_whoever_signed_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789abcdef0123456789abcdef")
    signers: list[LinkSigner] = [
        OwnLinkSigner(public_url="https://x.test/workshop", signing_keys={"k1": b"s" * 32}),
        CloudflareLinkSigner(url="https://cdn.test/p", secret_file=secret, lifetime_s=10_800),
        S3LinkSigner(
            bucket="pictures",
            endpoint_url="https://s3.test",
            access_key_id="AK",
            secret_access_key="SK",  # noqa: S106 - no secret of anything
        ),
    ]
    for signer in signers:
        link = signer.link(KEY, 3600, NOW)
        found = read_link(link)
        assert SHA256 in found.digests, link
        assert not found.says_nothing
