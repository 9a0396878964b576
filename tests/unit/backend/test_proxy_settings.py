"""Which proxies are trusted, as a setting."""

from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from backend.settings import Settings, setting_problems


def test_proxies_are_addresses_and_networks_and_none_unless_set(monkeypatch):
    assert Settings().trusted_proxies == ()
    monkeypatch.setenv("IMPASTO_TRUSTED_PROXIES", "10.0.0.5, 172.18.0.0/16,fd00::/8,")
    expected = tuple(map(ip_network, ("10.0.0.5/32", "172.18.0.0/16", "fd00::/8")))
    assert Settings().trusted_proxies == expected


@pytest.mark.parametrize(
    ("mapped", "plain"),
    [("::ffff:10.0.0.5", "10.0.0.5/32"), ("::ffff:172.18.0.0/112", "172.18.0.0/16")],
)
def test_an_address_as_a_host_for_both_kinds_sees_it_is_that_of_the_proxy(
    monkeypatch, mapped, plain
):
    monkeypatch.setenv("IMPASTO_TRUSTED_PROXIES", mapped)
    assert Settings().trusted_proxies == (ip_network(plain),)


@pytest.mark.parametrize(
    "text",
    ["proxy.example", "10.0.0.1/8", "10.0.0.5/33", "10.0.0.5;fd00::1", "*", "0.0.0.0/0", "::/0"],
)
def test_what_names_no_proxies_is_refused_by_the_name_of_the_setting(monkeypatch, text):
    monkeypatch.setenv("IMPASTO_TRUSTED_PROXIES", text)
    with pytest.raises(ValidationError) as refused:
        Settings()
    [(name, sentence)] = setting_problems(refused.value)
    assert name == "IMPASTO_TRUSTED_PROXIES"
    assert sentence.startswith("it must ")
