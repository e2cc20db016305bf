"""What a robots.txt says, by the examples of RFC 9309 and by files that want to break something."""

import time

import pytest

from agent_browser.scraping.robots import ALL_ALLOWED, MOST_RULES, after_status, parse, unreachable

SITE = "https://example.com"
GROUPS = """\
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""


@pytest.mark.parametrize(
    ("agent", "path", "allowed"),
    [
        ("other", "/", True),
        ("other", "/example/page.html", False),
        ("other", "/publications/x", True),
        ("other", "/picture.gif", False),
        ("other", "/picture.gif?x=1", True),
        ("foobot", "/anything", False),
        ("foobot", "/example/page.html", True),
        ("barbot", "/example/page.html", False),
        ("bazbot", "/example/other.html", True),
        ("quxbot", "/example/page.html", True),
        ("FooBot", "/anything", False),
    ],
)
def test_an_agent_has_its_own_group_or_that_of_all(agent: str, path: str, allowed: bool) -> None:
    assert parse(GROUPS, agent).may_fetch(SITE + path) is allowed


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ("Disallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("Allow: /a\nDisallow: /a/b", "/a/b/c", False),
        ("Disallow: /page\nAllow: /page", "/page", True),
        ("Disallow:", "/x", True),
        ("Disallow: /", "/robots.txt", True),
        ("Disallow: /*/private$", "/me/private", False),
        ("Disallow: /*/private$", "/me/private/x", True),
        ("Disallow: /a*b*c", "/a-b-c", False),
        ("Disallow: /a*b*c", "/a-c-b", True),
        ("Disallow: /x*x$", "/x", True),
        ("Disallow: /*", "/anything", False),
        ("Disallow: /ü", "/%C3%BC", False),
        ("Disallow: /%7Ejoe", "/~joe", False),
        ("Disallow: /a%2fb", "/a/b", True),
        ("Disallow: /a%2fb", "/a%2Fb", False),
        ("Disallow: /search?q=", "/search?q=tea", False),
        ("Disallow: /a # a comment", "/a", False),
    ],
)
def test_the_longest_rule_that_fits_decides(rules: str, path: str, allowed: bool) -> None:
    assert parse(f"User-agent: *\n{rules}", "any").may_fetch(SITE + path) is allowed


def test_groups_of_one_agent_count_together_and_a_version_is_no_part_of_a_name() -> None:
    text = (
        "User-agent: a/1.0\nDisallow: /x\n\nUser-agent: b\nDisallow: /\n\nuser-agent:A\nDisallow:/y"
    )
    robots = parse(text, "a")
    assert [robots.may_fetch(SITE + path) for path in ("/x", "/y", "/z")] == [False, False, True]


@pytest.mark.parametrize(
    ("value", "delay"), [("2", 2.0), ("0.5", 0.5), ("-1", None), ("nan", None), ("soon", None)]
)
def test_a_crawl_delay_is_seconds_or_nothing(value: str, delay: float | None) -> None:
    assert parse(f"User-agent: *\nCrawl-delay: {value}", "any").delay == delay


@pytest.mark.parametrize(
    ("status", "allowed"), [(200, False), (404, True), (403, True), (429, False), (503, False)]
)
def test_what_an_answer_means_depends_on_its_status(status: int, allowed: bool) -> None:
    robots = after_status(status, "User-agent: *\nDisallow: /", "any")
    assert robots.may_fetch(SITE + "/x") is allowed


def test_a_file_that_can_not_be_had_allows_nothing_and_says_why() -> None:
    robots = unreachable("no answer")
    assert not robots.may_fetch(SITE)
    assert "no answer" in (robots.refusal or "")
    assert ALL_ALLOWED.may_fetch(SITE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeffUser-agent: *\rDisallow: /x\r\nAllow: /",
        "Disallow: /\nAllow: /",
        "<!doctype html><title>Not found</title>",
        "User-agent\nDisallow\n:::\n\x00",
    ],
)
def test_what_is_no_robots_file_allows_the_front_page(text: str) -> None:
    assert parse(text, "any").may_fetch(SITE)


def test_a_hostile_pattern_takes_no_time() -> None:
    pattern = "*a" * 1_000 + "$"
    robots = parse(f"User-agent: *\nDisallow: /{pattern}", "any")
    began = time.process_time()
    assert robots.may_fetch(f"{SITE}/{'a' * 5_000}b")
    assert time.process_time() - began < 1


def test_no_more_rules_are_kept_than_the_bound() -> None:
    rules = "\n".join(f"Disallow: /{n}" for n in range(MOST_RULES * 2))
    assert len(parse(f"User-agent: *\n{rules}", "any").rules) == MOST_RULES
