"""Permissions: denied unless they are given."""

import pytest

from agent_browser.browser.chromium import ChromiumBrowser
from agent_browser.browser.context import ChromiumContext
from agent_browser.models.emulation import EmulateInput
from agent_browser.models.functions import ContextOptions, ExecuteInput, OpenInput
from tests.site import Site

pytestmark = [pytest.mark.anyio, pytest.mark.browser]

NAMES = [
    "geolocation", "notifications", "midi", "camera", "microphone", "background-fetch",
    "background-sync", "persistent-storage", "accelerometer", "gyroscope", "magnetometer",
    "screen-wake-lock", "display-capture", "clipboard-read", "clipboard-write", "payment-handler",
    "idle-detection", "periodic-background-sync", "window-management", "local-fonts",
    "local-network-access",
]  # fmt: skip
STATES = """Promise.all(NAMES.map((name) =>
  navigator.permissions.query({name}).then((found) => [name, found.state])))"""
TRIED = """(async () => {
  const got = [];
  for (const [name, work] of Object.entries({
    place: () => new Promise((r, e) => navigator.geolocation.getCurrentPosition(r, e)),
    camera: () => navigator.mediaDevices.getUserMedia({video: true}),
    microphone: () => navigator.mediaDevices.getUserMedia({audio: true}),
    screen: () => navigator.mediaDevices.getDisplayMedia({video: true}),
    read: () => navigator.clipboard.readText(),
    midi: () => navigator.requestMIDIAccess({sysex: true}),
    screens: () => getScreenDetails(),
    wake: () => navigator.wakeLock.request('screen'),
    usb: () => navigator.usb.requestDevice({filters: []}),
    serial: () => navigator.serial.requestPort(),
    file: () => showOpenFilePicker(),
    folder: () => showDirectoryPicker(),
  })) {
    try { await work(); got.push(name); } catch { }
  }
  if ((await queryLocalFonts().catch(() => [])).length) got.push('fonts');
  if ((await navigator.usb.getDevices()).length) got.push('devices');
  if (await navigator.storage.persist()) got.push('persist');
  return got;
})()"""


async def states(context: ChromiumContext) -> dict[str, str]:
    answer = await context.execute(ExecuteInput(code=STATES.replace("NAMES", repr(NAMES))))
    assert answer.error is None
    return dict(answer.value)


async def test_no_permission_is_there_that_was_not_given(
    context: ChromiumContext, site: Site
) -> None:
    await context.open(OpenInput(url=site.url("/form")))
    assert set((await states(context)).values()) == {"denied"}
    answer = await context.execute(ExecuteInput(code=TRIED))
    assert (answer.value, answer.error) == ([], None)


async def test_one_that_is_given_is_the_only_one_and_can_be_taken_away(
    chromium: ChromiumBrowser, site: Site
) -> None:
    context = await chromium.new_context(ContextOptions(permissions=["geolocation"]))
    await context.open(OpenInput(url=site.url("/form")))
    found = await states(context)
    assert [name for name, state in found.items() if state != "denied"] == ["geolocation"]
    await context.perform(EmulateInput(permissions=[]))
    assert set((await states(context)).values()) == {"denied"}
    await context.close()
