"""The function `emulate`."""

from agent_browser import errors
from agent_browser.api.described.about import About

ABOUT: dict[str, About] = {
    "emulate": About(
        "Change what pages are shown under",
        """\
Takes every option of `open` that a session in use can take (viewport, user agent, language, time
zone, colours, medium, motion, geolocation, permissions, network, processor, headers, passkeys, …)
and answers with all that is in force. An option left out stays as it is; another value of one that
the session keeps from its making is 409. It may come before the first `open`.""",
        {"color_scheme": "dark", "throttle": "slow-3g"},
        {
            "emulation": {
                "width": 1280,
                "height": 720,
                "color_scheme": "dark",
                "throttle": {"download_kbps": 400, "upload_kbps": 400, "latency_ms": 400},
                "javascript_enabled": True,
                "offline": False,
                "cpu_slowdown": 1,
            }
        },
        (errors.OptionNeedsNewSession,),
    ),
}
