"""Copies of listed pictures are found, however they are turned; a list that fails holds."""

import pytest
from PIL import Image

from safety.errors import HashListUnusable
from safety.fingerprint import fingerprint
from safety.hash_lists import open_own_list
from safety.image_checks import WantedChecks, open_image_check
from safety.image_checks.known_pictures import KnownPicturesCheck
from safety.screen_image import screen_image
from tests.unit.safety.pictures import made_picture

LISTED = made_picture(4, size=(512, 448))


class Unusable:
    name = "bank"
    category = "child_safety"

    def find(self, prints):
        raise HashListUnusable(self.name, "stale")

    def trouble(self):
        return "stale"


def a_list(*pictures):
    blocked = {fingerprint(one).hex: f"entry-{n}" for n, one in enumerate(pictures)}
    return open_own_list(lambda: blocked)


def a_check(*lists, looks_at_crops=False):
    return KnownPicturesCheck(lists=lists, looks_at_crops=looks_at_crops)


@pytest.mark.parametrize("turn", [None, *Image.Transpose])
def test_a_copy_is_found_whichever_way_round(turn):
    copy = LISTED if turn is None else LISTED.transpose(turn)
    ((finding,),) = a_check(a_list(LISTED)).check([copy])
    assert (finding.category, finding.rule) == ("removed_picture", "known.own")
    assert finding.match.entry == "entry-0"
    assert finding.match.distance <= 31


def test_a_picture_in_a_margin_is_found_only_where_parts_are_looked_at():
    framed = Image.new("RGB", (600, 540), "white")
    framed.paste(LISTED, (30, 30))
    assert a_check(a_list(LISTED)).check([framed]) == [[]]
    ((finding,),) = a_check(a_list(LISTED), looks_at_crops=True).check([framed])
    assert finding.match.entry == "entry-0"


def test_a_list_that_fails_holds_and_is_named_while_the_others_are_looked_in():
    (findings,) = a_check(Unusable(), a_list(LISTED)).check([LISTED])
    assert [(one.category, one.rule) for one in findings] == [
        ("check_failed", "bank.stale"),
        ("removed_picture", "known.own"),
    ]


def test_a_picture_nobody_lists_leaves():
    verdict = screen_image(made_picture(8), checks=[a_check(a_list(LISTED))])
    assert verdict.is_clear()


def test_an_installation_opens_it_where_it_has_lists():
    check = open_image_check("known_pictures", wanted=WantedChecks(hash_lists=(a_list(LISTED),)))
    assert screen_image(LISTED, checks=[check]).decisive.match.list_name == "own"
