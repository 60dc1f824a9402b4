"""Where a Python program that nobody trusts is run: bubblewrap, rlimits, a system-call filter, bounded output and time.

What is kept apart and what is not: docs/sandbox.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tokenarena_assets.suites.sandbox_process import Bounds, ProcessRun, SandboxRun
from tokenarena_assets.suites.syscall_filter import seccomp_filter

__all__ = ["Sandbox", "SandboxRun", "find_sandbox", "mend_of_no_sandbox", "why_no_sandbox"]

MIB = 2**20
DISK_BYTES = 64 * MIB
MEMORY_BYTES = 1024 * MIB  # address space of each process, and resident memory of all of them together
FILE_BYTES = 1_000_000
PROCESSES = 64
OPEN_FILES = 64
NOBODY = 65534

INSTALL = "install bubblewrap 0.6 or newer (Debian, Ubuntu: apt-get install bubblewrap)"
_SETTINGS = (
    (Path("/proc/sys/kernel/unprivileged_userns_clone"), "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    (
        Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
        "1",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile that lets bwrap have them",
    ),
    (Path("/proc/sys/user/max_user_namespaces"), "0", "sysctl -w user.max_user_namespaces=15000"),
)

# Runs inside before anything of the program, so that its limits hold for all that comes after. It reads the program
# from stdin, leaves the rest of stdin to it, and moves the report pipe to descriptor 3.
_PRELUDE = """
import os, resource, sys
size, cpu_s, memory, file, processes, files, report = map(int, sys.argv[1:])
for name, most in (
    ("CPU", cpu_s), ("AS", memory), ("FSIZE", file), ("NPROC", processes), ("NOFILE", files), ("CORE", 0),
    ("MEMLOCK", 0), ("MSGQUEUE", 0), ("RTPRIO", 0), ("NICE", 0),
):
    what = getattr(resource, "RLIMIT_" + name)
    most = min([most] + [limit for limit in resource.getrlimit(what) if limit >= 0])
    resource.setrlimit(what, (most, most))
if report != 3:
    os.dup2(report, 3, inheritable=False)
os.closerange(4, 4096)
os.environ.clear()
sys.path[:] = [place for place in sys.path if place]
sys.argv[:] = ["program"]
source = b""
while len(source) < size:
    piece = os.read(0, size - len(source))
    if not piece:
        raise EOFError("the program was cut")
    source += piece
code = compile(source, "program", "exec")
os.write(3, b"ready\\n")
exec(code, {"__name__": "__main__"})
"""

# What must hold before the sandbox of a machine is believed.
_TRIAL = """
import os, socket, sys
def refused(act, *arguments):
    try:
        act(*arguments)
    except OSError:
        return True
    return False
def reach():
    with socket.socket() as it:
        it.settimeout(2)
        it.connect(("1.1.1.1", 53))
def writable(*paths):  # asked, not tried: where nothing is kept apart, nothing should be written
    return any(os.access(path, os.W_OK) for path in paths)
wrong = [name for name, holds in {
    "Python 3.11 or newer": sys.version_info >= (3, 11),
    "uid": os.getuid() == os.geteuid() == 65534,
    "no environment": not os.environ,
    "no network": refused(reach),
    "no host files": not any(map(os.path.exists, ("/etc/passwd", "/proc/1", "/sys/kernel", "/home", "/var"))),
    "read-only root": not writable("/", "/dev", "/usr", "/usr/lib"),
    "own processes": os.getppid() <= 2,
    "scratch space": writable("/tmp"),
}.items() if not holds]
os.write(3, ("does not hold: " + ", ".join(wrong) if wrong else "sound").encode())
"""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A place to run untrusted Python in. Safe to use from several threads."""

    bwrap: str
    python: str  # the interpreter inside, at the same path as outside
    user: int | None  # who runs bwrap, where we are root: somebody else
    system_calls: bytes | None = field(repr=False, default=None)

    def run(self, program: str, stdin: bytes = b"", wall_s: float = 3.0) -> SandboxRun:
        """Run `program` (Python source, standard library only) as `__main__` with `stdin`, at most `wall_s` seconds.

        Descriptor 3 is for its report. Never raises for what the program does; all its processes are gone on return.
        """
        source = program.encode()
        try:
            with ProcessRun(Bounds(wall_s, MEMORY_BYTES, PROCESSES), source + stdin) as run:
                command, descriptors = self._command(run)
                report = run.report_in.fileno()
                limits = (len(source), int(wall_s) + 2, MEMORY_BYTES, FILE_BYTES, PROCESSES, OPEN_FILES, report)
                return run.finish([*command, "-c", _PRELUDE, *map(str, limits)], descriptors, self.user)
        except (OSError, subprocess.SubprocessError) as error:
            return SandboxRun("fault", None, b"", False, 0.0, f"the sandbox could not be run: {error}")

    def _command(self, run: ProcessRun) -> tuple[list[str], list[int]]:
        """The call up to the interpreter, and the descriptors that it names."""
        command = [self.bwrap, "--unshare-all", "--unshare-user", "--die-with-parent", "--new-session"]
        command += ["--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL", "--hostname", "sandbox"]
        # with a fixed hash seed sets come in the same order each time: grading a day again gives the same grades
        command += ["--clearenv", "--setenv", "PYTHONHASHSEED", "0", *_libraries()]
        for path in _interpreter_parts(Path(self.python)):
            command += ["--ro-bind", str(path), str(path)]
        for device in ("null", "zero", "random", "urandom"):
            command += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
        # no /proc; the root and /dev are memory too, so they are closed to writing
        command += ["--size", str(DISK_BYTES), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/"]  # noqa: S108
        descriptors: list[int] = []
        if self.system_calls is not None:
            descriptors.append(run.holding(self.system_calls))
            command += ["--seccomp", str(descriptors[-1])]
        command += ["--info-fd", str(run.info_in.fileno()), "--", self.python, "-s", "-S", "-B", "-X", "utf8"]
        return command, descriptors


def find_sandbox() -> Sandbox | None:
    """The sandbox of this machine after a trial run of it, or None; looked for once a process."""
    return _search()[0]


def why_no_sandbox() -> str | None:
    """Why code cannot be run here; None where it can."""
    return _search()[1]


def mend_of_no_sandbox() -> str:
    """What a person can do about it."""
    if _bwrap() is None:
        return INSTALL
    needed = [command for path, closed, command in _SETTINGS if _reads(path) == closed]
    if needed and os.geteuid() != 0:
        return f"allow unprivileged user namespaces: {'; '.join(needed)}"
    return f"{INSTALL} and allow user namespaces (in a container: --security-opt seccomp=unconfined or a VM)"


def _bwrap() -> str | None:
    return shutil.which("bwrap") or shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin")


def _reads(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


@cache
def _search() -> tuple[Sandbox | None, str | None]:
    if sys.platform != "linux":
        return None, f"bubblewrap is for Linux, this is {sys.platform}"
    bwrap = _bwrap()
    if bwrap is None:
        return None, "bwrap not found"
    calls = seccomp_filter()
    failures: dict[str, None] = {}
    for user, python in _ways():
        sandbox = Sandbox(bwrap, python, user, calls)
        trial = sandbox.run(_TRIAL, wall_s=20)
        if trial.status == "exited" and trial.report == b"sound":
            return sandbox, None
        said = trial.report.decode(errors="replace") or trial.error or trial.status
        failures[" ".join(said.split())[:200]] = None
    return None, f"bwrap cannot run here: {'; '.join(failures)}"


def _ways() -> list[tuple[int | None, str]]:
    """Who may run bwrap (None: as we are) with which interpreter, best first.

    Root gives itself up before it starts bwrap: the limit of processes does not bind root, and what should ever get out
    of the namespaces is then nobody. Kept as root only where nothing else works. The system's interpreter is for where
    that user cannot walk to ours.
    """
    own = str(Path(getattr(sys, "_base_executable", None) or sys.executable).resolve())
    system = [str(Path(found).resolve()) for found in ["/usr/bin/python3"] if Path(found).exists()]
    pythons = list(dict.fromkeys([own, *system]))
    if os.geteuid() != 0:
        return [(None, python) for python in pythons]
    return [(user, python) for user in (NOBODY, None) for python in pythons]


def _libraries() -> list[str]:
    """Shared libraries and nothing else of the system: no programs, no settings, no /etc but the linker's cache."""
    command: list[str] = []
    for folder in ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/nix/store"):
        path = Path(folder)
        if path.is_symlink():
            command += ["--symlink", str(path.readlink()), folder]
        elif path.is_dir():
            command += ["--ro-bind", folder, folder]
    return [*command, "--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"]


@cache
def _interpreter_parts(python: Path) -> tuple[Path, ...]:
    """The interpreter and the libraries of its prefix, as far as they are not in the system's folders."""
    libraries = [python.parent.parent / name for name in ("lib", "lib64")]
    outside = [path for path in libraries if path.is_dir() and not path.is_symlink()]
    return tuple(path for path in (python, *outside) if path not in (Path("/usr/lib"), Path("/usr/lib64")))
