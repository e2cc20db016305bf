"""Programs and scripts of a pretended machine, made in a temporary folder."""

from pathlib import Path

from agent_browser.browser.registry import Registry


def program(path: Path, text: str = "\x7fELF pretended") -> Path:
    """A file that may be run; without `text` it looks like a binary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def empty_registry(folder: Path) -> Registry:
    """Playwright's folder before anything was downloaded."""
    names = ("chromium", "chromium-headless-shell", "ffmpeg")
    return Registry(folder, dict.fromkeys(names, "7"))
