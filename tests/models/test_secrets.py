"""Where a secret may be typed, and what one is."""

import pytest
from pydantic import ValidationError

from agent_browser.models.functions import InteractInput
from agent_browser.models.secrets import SecretInput, SecretRef, may_be_typed


@pytest.mark.parametrize(
    ("pattern", "origin", "may"),
    [
        ("https://acme.example", "https://acme.example", True),
        ("https://acme.example", "https://acme.example:8443", False),
        ("https://acme.example:8443", "https://acme.example:8443", True),
        ("https://acme.example", "http://acme.example", False),
        ("https://acme.example", "https://acme.example.evil.test", False),
        ("https://acme.example", "https://evil-acme.example", False),
        ("https://acme.example", "https://www.acme.example", False),
        ("http://acme.example", "http://acme.example", True),
        ("http://acme.example", "https://acme.example", False),
        ("acme.example", "https://acme.example", True),
        ("acme.example", "https://acme.example:8443", False),
        ("acme.example:8443", "https://acme.example:8443", True),
        ("acme.example", "http://acme.example", False),
        ("localhost", "http://localhost:8080", True),
        ("localhost", "https://localhost:8443", True),
        ("localhost:8080", "http://localhost:9090", False),
        ("127.0.0.1", "http://127.0.0.1:3000", True),
        ("[::1]", "http://[::1]:3000", True),
        ("127.0.0.1", "http://127.0.0.2:3000", False),
        ("10.0.0.1", "http://10.0.0.1", False),
        ("*.acme.example", "https://www.acme.example", True),
        ("*.acme.example", "https://a.b.acme.example", True),
        ("*.acme.example", "https://acme.example", False),
        ("*.acme.example", "https://evilacme.example", False),
        ("*.acme.example", "https://acme.example.evil.test", False),
        ("https://*.acme.example", "http://www.acme.example", False),
        ("acme.example", "null", False),
        ("acme.example", "", False),
        ("acme.example", "file://", False),
        ("acme.example", "chrome-extension://acme.example", False),
        ("bücher.example", "https://xn--bcher-kva.example", True),
        ("ACME.example", "https://acme.example", True),
    ],
)
def test_a_secret_may_be_typed_on_its_own_origins_alone(
    pattern: str, origin: str, *, may: bool
) -> None:
    made = SecretInput(value="hunter2", origins=[pattern])
    assert may_be_typed(made.origins, origin) is may


@pytest.mark.parametrize(
    "pattern",
    [
        "", "*", "*.com", "https://", "ftp://acme.example", "acme.example/path", "a b", "*.*.com",
        "https://user@acme.example", "https://acme.example?x", "acme.*", "*acme.example", "a..b",
        "https://acme.example:port", "a" * 250 + "!", "https://acme.example#x", "*.", "data:,x",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        SecretInput(value="hunter2", origins=[pattern])


@pytest.mark.parametrize(
    "fields",
    [
        {"value": "hunter2"},
        {"value": "hunter2", "origins": ["a.test"], "any_origin": True},
        {"origins": ["a.test"]},
        {"value": "hunter2", "totp": "JBSWY3DPEHPK3PXP", "any_origin": True},
        {"value": "abc", "any_origin": True},
        {"value": "  ab   ", "any_origin": True},
        {"value": "x" * 4_097, "any_origin": True},
    ],
)
def test_a_secret_is_one_thing_for_certain_places(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        SecretInput.model_validate(fields)
    assert "hunter2" not in str(refused.value)
    assert "JBSWY3" not in str(refused.value)


def test_a_value_is_in_no_repr() -> None:
    made = SecretInput(value="hunter2", any_origin=True)
    assert "hunter2" not in repr(made)


def test_fill_type_and_insert_text_take_a_secret_and_nothing_else_does() -> None:
    for action in ("fill", "type", "insert_text"):
        input = InteractInput.model_validate({"action": action, "text": {"secret": "a"}})
        assert input.text == SecretRef(secret="a")
    for action in ("press", "select", "dialog", "wait", "key_down"):
        with pytest.raises(ValidationError, match="a secret is typed by"):
            InteractInput.model_validate({"action": action, "text": {"secret": "a"}})
    for text in ({"secret": "../a"}, {"secret": "a", "value": "b"}, [{"secret": "a"}]):
        with pytest.raises(ValidationError):
            InteractInput.model_validate({"action": "fill", "text": text})
