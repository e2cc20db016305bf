"""Signatures: known ones, and what they are made of."""

import base64
import hashlib
import hmac

import pytest

from agent_browser.webhooks import signing


def test_a_signature_is_that_of_the_standards_own_example() -> None:
    made = signing.headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert made == {
        "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "Webhook-Timestamp": "1614265330",
        "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_of_ones_own_is_its_text() -> None:
    digest = hmac.new("grüße-sechzehn-zeichen".encode(), b"i.7.{}", hashlib.sha256).digest()
    made = signing.signature("grüße-sechzehn-zeichen", "i", 7, b"{}")
    assert made == f"v1,{base64.b64encode(digest).decode()}"


def test_a_made_secret_is_new_each_time_and_can_be_used() -> None:
    first, second = signing.new_secret(), signing.new_secret()
    assert first != second
    assert len(signing.key_of(first)) == 32


@pytest.mark.parametrize("secret", ["whsec_not base64!", "whsec_", "whsec_YWJj"])
def test_a_secret_that_says_it_is_base64_must_be(secret: str) -> None:
    with pytest.raises(ValueError, match="base64"):
        signing.key_of(secret)
