"""Does the Dockerfile, or a checkout's script, in a clean Debian root: by hand, as root.

    python -m tests.setup.clean_root FOLDER dockerfile
    python -m tests.setup.clean_root FOLDER script scripts/demo

FOLDER must not exist. --bind and --env give the root what this machine needs to reach its package
index. Every step runs in namespaces of its own (mounts, processes), which end with it.
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
KEY = "k" * 32
ENTER = """
mount --bind "$1" "$1"; cd "$1"; shift
mount -t proc proc proc; mkdir -p dev/shm dev/pts
mount -t tmpfs tmpfs dev/shm; mount -t devpts -o ptmxmode=0666 devpts dev/pts
while [ "$1" != -- ]; do mkdir -p ".$1"; mount --bind -o ro "$1" ".$1"; shift; done; shift
case $1 in alone) ip link set lo up ;; esac; shift
pivot_root . . && umount -l . && cd / && exec "$@"
"""
"""Not a chroot: in one, no user namespace can be made, and the browser's sandbox needs them."""

SERVE = """
"$@" & server=$!
tries=0
until {check}; do
    tries=$((tries + 1))
    [ $tries -lt 30 ] && kill -0 $server || exit 1
    sleep 1
done
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | grep -q -e '--no-[s]andbox' && exit 2
kill -TERM $server
wait $server
"""


@dataclass
class Root:
    """A root folder, and what the Dockerfile said so far of how commands run in it."""

    folder: Path
    binds: Sequence[str]
    environ: dict[str, str]
    workdir: str = "/"
    user: str = "root"
    words: dict[str, list[str]] = field(default_factory=dict)

    def run(self, command: Sequence[str], *, alone: bool = False, quiet: bool = False) -> None:
        """Run it inside; `alone` without any network but loopback. CalledProcessError if it
        fails.
        """
        spaces = ["--mount", "--pid", "--fork", "--kill-child", *(["--net"] if alone else [])]
        inside = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups"]
        inside += ["env", "-i", *(f"{name}={value}" for name, value in self.environ.items())]
        inside += ["sh", "-c", 'cd "$0" && exec "$@"', self.workdir, *command]
        where = [str(self.folder), *self.binds, "--", "alone" if alone else "connected"]
        subprocess.run(
            ["unshare", *spaces, "sh", "-ec", ENTER, "enter", *where, *inside],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if quiet else None,
        )

    def copy(self, source: str, target: str) -> None:
        """As COPY does."""
        inside = self.folder / target.lstrip("/")
        if (CHECKOUT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(CHECKOUT / source, inside, ignore=ignored, dirs_exist_ok=True)
        else:
            (inside if target.endswith("/") else inside.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / source, inside)


def bootstrap(folder: Path, suite: str) -> None:
    """A Debian with nothing but what every Debian has."""
    subprocess.run(
        ["debootstrap", "--variant=minbase", "--include=ca-certificates", suite, str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (folder / "tmp").chmod(0o1777)
    for name in ("/etc/resolv.conf", "/etc/hosts"):
        shutil.copy2(name, folder / name.lstrip("/"))


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction of a Dockerfile and its arguments, continued lines put together."""
    joined = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in joined.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, arguments = line.partition(" ")
            yield name, arguments.strip()


def build(root: Root, text: str) -> None:
    """Every step of the Dockerfile, in its order."""
    for name, arguments in instructions(text):
        began = time.monotonic()
        step(root, name, arguments)
        sys.stderr.write(f"{time.monotonic() - began:6.1f} s  {name} {arguments[:80]}\n")


def step(root: Root, name: str, arguments: str) -> None:
    """One instruction. KeyError for one that is not known here."""
    match name:
        case "FROM":
            bootstrap(root.folder, arguments.removeprefix("debian:").removesuffix("-slim"))
        case "RUN":
            root.run(["sh", "-c", arguments], quiet=True)
        case "COPY":
            *sources, target = arguments.split()
            for source in sources:
                root.copy(source, target)
        case "ENV":
            root.environ |= dict(word.split("=", 1) for word in shlex.split(arguments))
        case "WORKDIR":
            root.workdir = arguments
            (root.folder / arguments.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "USER":
            root.user = arguments
        case "HEALTHCHECK":
            root.words[name] = json.loads(arguments[arguments.index("[") :])
        case "ENTRYPOINT" | "CMD":
            root.words[name] = json.loads(arguments)
        case "VOLUME" | "EXPOSE" | "STOPSIGNAL":
            pass
        case _:
            raise KeyError(name)


def serve(root: Root) -> None:
    """Without keys it refuses to start; with one it gets healthy, sandbox on, and stops clean."""
    command = [*root.words["ENTRYPOINT"], *root.words["CMD"]]
    root.environ["HOME"] = "/home/agent"
    try:
        root.run(command, alone=True)
    except subprocess.CalledProcessError:
        sys.stderr.write("without API_KEYS it refuses to start\n")
    else:
        raise SystemExit("it served strangers on all addresses without a key")
    root.environ["AGENT_BROWSER_API_KEYS"] = f"test:{KEY}"
    check = shlex.join(root.words["HEALTHCHECK"])
    root.run(["sh", "-c", SERVE.format(check=check), "serve", *command], alone=True)
    sys.stderr.write("healthy, sandbox on, and stopped by SIGTERM with status 0\n")


def script(root: Root, command: Sequence[str]) -> None:
    """A checkout's script on a Debian with Python and nothing else, then once more, offline."""
    bootstrap(root.folder, "bookworm")
    root.run(["sh", "-c", "apt-get update && apt-get install -y --no-install-recommends python3"])
    checkout = root.folder / "home" / "a checkout"
    ignored = shutil.ignore_patterns(".git", ".venv", "*_cache", "__pycache__")
    shutil.copytree(CHECKOUT, checkout, ignore=ignored)
    root.workdir = "/home/a checkout"
    for turn in ("first", "second"):
        began = time.monotonic()
        root.run(command, alone=turn == "second")
        sys.stderr.write(f"{turn} time: {time.monotonic() - began:.1f} s\n")


def main() -> None:
    """Exit status 0 if every step went well."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("what", choices=["dockerfile", "script"])
    parser.add_argument("command", nargs="*")
    parser.add_argument("--bind", action="append", default=[], help="folder to show inside")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE for every step")
    given = parser.parse_args()
    if given.folder.exists():
        parser.error(f"{given.folder} exists")
    environ = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    environ |= {"HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
    environ |= dict(pair.split("=", 1) for pair in given.env)
    root = Root(given.folder.resolve(), given.bind, environ)
    if given.what == "dockerfile":
        build(root, (CHECKOUT / "Dockerfile").read_text())
        serve(root)
    else:
        script(root, given.command)


if __name__ == "__main__":
    main()
