"""Programs that try to get out, to take too much, to last too long; and what a machine without bubblewrap says."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import uuid
from pathlib import Path

import pytest

from tokenarena_assets import doctor
from tokenarena_assets.suites import sandbox as module
from tokenarena_assets.suites.sandbox import Sandbox, SandboxRun, find_sandbox, why_no_sandbox
from tokenarena_assets.suites.syscall_filter import AUDIT_ARCH, DENIED, seccomp_filter
from tokenarena_assets_tests.suites.sandboxes import machine_sandbox


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return machine_sandbox()


def run(sandbox: Sandbox, program: str, wall_s: float = 10.0, stdin: bytes = b"") -> SandboxRun:
    return sandbox.run(textwrap.dedent(program), stdin, wall_s)


# What `tried` prints for an act that is refused is the name of its error.
TRIED = """
import errno, os, sys
def tried(act, *arguments):
    try:
        return act(*arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
"""


def told(sandbox: Sandbox, program: str) -> list[str]:
    found = sandbox.run(TRIED + textwrap.dedent(program), b"", 10.0)
    assert found.status == "exited", found
    return found.stdout.decode().split("\n")[:-1]


def marked_processes(mark: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_program_runs_with_its_stdin_and_reports_apart_from_its_output(sandbox: Sandbox) -> None:
    program = "import os, sys; print(sys.stdin.read().upper()); os.write(3, b'apart'); sys.exit(5)"
    found = run(sandbox, program, stdin=b"hello")
    assert (found.status, found.exit_code, found.stdout, found.cut, found.report) == (
        "exited",
        5,
        b"HELLO\n",
        False,
        b"apart",
    )


def test_an_exception_of_the_program_is_not_a_fault_of_ours(sandbox: Sandbox) -> None:
    found = run(sandbox, "1 / 0")
    assert (found.status, found.exit_code) == ("exited", 1)
    assert found.error is not None
    assert "ZeroDivisionError" in found.error
    assert run(sandbox, "this is no Python").status == "fault"


def test_no_key_of_the_environment_can_be_read(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-secret-of-the-host")
    program = """
    import ctypes
    print(dict(os.environ), os.path.exists("/proc/self/environ"), os.path.exists("/proc"))
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_char_p
    print(libc.getenv(b"SOME_API_KEY"), sys.argv)
    """
    assert told(sandbox, program) == ["{} False False", "None ['program']"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/passwd",
        "/etc/hostname",
        "/proc/1/environ",
        "/sys/kernel",
        "/usr/bin/env",
        "/var/log",
        "/dev/mem",
        "/dev/shm",
        str(Path.home() / ".ssh"),
        str(Path.home() / ".bashrc"),
        str(Path(module.__file__)),
        str(Path(module.__file__).parents[2] / "pyproject.toml"),
        str(Path(module.__file__).parents[3] / "shared"),
    ],
)
def test_no_file_of_the_host_can_be_read(sandbox: Sandbox, path: str) -> None:
    assert told(sandbox, f"print(tried(os.stat, {path!r}), tried(os.listdir, {path!r}))") == ["ENOENT ENOENT"]


def test_a_link_out_leads_nowhere(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    secret.chmod(0o644)
    program = f"""
    os.symlink({str(secret)!r}, "/tmp/out")
    os.symlink("/../../../../etc/passwd", "/tmp/up")
    print(tried(open, "/tmp/out"), tried(open, "/tmp/up"), tried(open, "/tmp/../../etc/passwd"))
    """
    assert told(sandbox, program) == ["ENOENT ENOENT ENOENT"]


def test_nothing_can_be_written_outside_its_scratch_space(sandbox: Sandbox, tmp_path: Path) -> None:
    program = f"""
    beside = os.path.dirname({sandbox.python!r}) + "/x"
    for path in ("/x", "/usr/lib/x", "/etc/x", "/dev/x", {str(tmp_path / "x")!r}, beside):
        print(tried(open, path, "w"))
    print(tried(os.mkdir, "/home"), tried(os.chmod, "/usr/lib", 0o777), tried(os.remove, {sandbox.python!r}))
    """
    found = told(sandbox, program)
    assert set(found[:-1]) <= {"EROFS", "ENOENT", "EACCES"}
    assert set(found[-1].split()) <= {"EROFS", "EACCES", "EPERM"}
    assert list(tmp_path.iterdir()) == []


def test_no_socket_reaches_anything(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"""
        import socket
        def reach(family, address):
            with socket.socket(family, socket.SOCK_STREAM) as it:
                it.settimeout(2)
                it.connect(address)
            return "connected"
        print(tried(reach, socket.AF_INET, ("127.0.0.1", {port})), tried(reach, socket.AF_INET, ("1.1.1.1", 53)))
        print(tried(reach, socket.AF_VSOCK, (2, 22)), tried(socket.getaddrinfo, "example.com", 80) is None)
        print([name for _, name in socket.if_nameindex()] if {sandbox.system_calls is None} else ["lo"])
        """
        found = told(sandbox, program)
    assert "connected" not in found[0] + found[1]
    assert found[2] == "['lo']"


def test_a_fork_bomb_is_bounded_and_gone_afterwards(sandbox: Sandbox) -> None:
    program = """
    import os, time
    made = 0
    try:
        while True:
            if os.fork() == 0:
                time.sleep(1000)
            made += 1
    except BlockingIOError:
        print("stopped", made <= 64, flush=True)
    """
    found = run(sandbox, program)
    assert found.status == "killed" or found.stdout == b"stopped True\n", found


def test_a_fork_bomb_in_all_branches_ends_with_the_wall_time(sandbox: Sandbox) -> None:
    program = """
    import os
    while True:
        try:
            os.fork()
        except OSError:
            pass
    """
    assert run(sandbox, program, wall_s=0.5).status in ("timeout", "killed")
    assert run(sandbox, "print('still here')").stdout == b"still here\n"


def test_its_disk_and_its_files_are_bounded(sandbox: Sandbox) -> None:
    program = """
    def fill():
        block = b"x" * 1_000_000
        written = 0
        for number in range(200):
            with open(f"/tmp/{number}", "wb", 0) as file:
                written += file.write(block)
    print(tried(fill), sum(os.stat(f"/tmp/{n}").st_size for n in os.listdir("/tmp")) <= 2**26)
    os.remove("/tmp/0")
    with open("/tmp/0", "wb", 0) as file:
        file.write(b"x" * 999_000)
        file.write(b"x" * 10_000)
        print(tried(file.write, b"x" * 10_000))
    """
    assert told(sandbox, program) == ["ENOSPC True", "EFBIG"]


def test_memory_of_one_process_is_bounded(sandbox: Sandbox) -> None:
    program = """
    try:
        held = bytearray(2**30)
    except MemoryError:
        print("refused")
    """
    assert run(sandbox, program).stdout == b"refused\n"


def test_memory_of_all_processes_together_is_bounded(sandbox: Sandbox) -> None:
    program = """
    import os, time
    for _ in range(6):
        if os.fork() == 0:
            held = bytearray(b"x") * (300 * 2**20)
            time.sleep(1000)
    time.sleep(1000)
    """
    found = run(sandbox, program, wall_s=60)
    assert found.status == "killed"
    assert "MiB of memory" in (found.error or "")


def test_memory_that_no_limit_counts_is_refused(sandbox: Sandbox) -> None:
    if sandbox.system_calls is None:
        pytest.skip("no system-call filter for this architecture")
    program = """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    print(tried(os.memfd_create, "x"))
    print(libc.shmget(0, 2**20, 0o1600), errno.errorcode[ctypes.get_errno()])
    """
    assert told(sandbox, program) == ["EPERM", "-1 EPERM"]


@pytest.mark.parametrize("target", ["os.getppid()", "1", "-1"])
def test_its_parent_cannot_be_killed(sandbox: Sandbox, target: str) -> None:
    program = f"""
    import os, signal
    for sign in (signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        try:
            os.kill({target}, sign)
        except OSError:
            pass
    print("done")
    """
    found = run(sandbox, program)
    assert found.status in ("exited", "killed")
    assert run(sandbox, "print(1)").stdout == b"1\n"


def test_sleeping_past_the_wall_time_is_a_timeout(sandbox: Sandbox) -> None:
    found = run(sandbox, "import time; print('begun', flush=True); time.sleep(1000)", wall_s=0.3)
    assert (found.status, found.exit_code, found.stdout) == ("timeout", None, b"begun\n")


def test_signals_do_not_put_off_the_end(sandbox: Sandbox) -> None:
    program = """
    import signal
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        pass
    """
    assert run(sandbox, program, wall_s=0.3).status == "timeout"


def test_a_gigabyte_of_output_is_cut(sandbox: Sandbox) -> None:
    program = """
    import os, sys
    block = b"x" * 65536
    for _ in range(16 * 1024):
        os.write(1, block)
        os.write(2, block[:64])
    """
    found = run(sandbox, program, wall_s=30)
    assert found.status in ("exited", "timeout")
    assert found.stdout == b"x" * 64_000
    assert found.cut


def test_a_report_without_end_is_ended(sandbox: Sandbox) -> None:
    found = run(sandbox, "import os\nwhile True: os.write(3, b'x' * 65536)", wall_s=30)
    assert found.status == "killed"
    assert len(found.report) <= 4 * 2**20


def test_no_daemon_is_left_behind(sandbox: Sandbox) -> None:
    mark = uuid.uuid4().hex
    program = f"""
    import os, sys
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for descriptor in range(4):
                os.close(descriptor)
            os.execv({sandbox.python!r}, ["python", "-S", "-c", "import time; time.sleep(1000)", {mark!r}])
        os._exit(0)
    os.wait()
    """
    assert run(sandbox, program).status == "exited"
    assert marked_processes(mark) == []
    endless = textwrap.dedent(program) + "import time; time.sleep(1000)\n"
    assert run(sandbox, endless, wall_s=0.5).status == "timeout"
    assert marked_processes(mark) == []


def test_system_calls_that_a_computation_does_not_need_are_refused(sandbox: Sandbox) -> None:
    if sandbox.system_calls is None:
        pytest.skip("no system-call filter for this architecture")
    program = f"""
    import ctypes, platform
    libc = ctypes.CDLL(None, use_errno=True)
    column = {list(AUDIT_ARCH)!r}.index(platform.machine())
    for name, numbers in {DENIED!r}.items():
        if numbers[column] is not None:
            ctypes.set_errno(0)
            if libc.syscall(numbers[column], 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != errno.EPERM:
                print(name, errno.errorcode.get(ctypes.get_errno()))
    ctypes.set_errno(0)
    print(libc.syscall({{"x86_64": 56, "aarch64": 220}}[platform.machine()], 0x10000000 | 17, 0, 0, 0, 0), end=" ")
    print(errno.errorcode[ctypes.get_errno()])
    """
    assert told(sandbox, program) == ["-1 EPERM"]


def test_a_process_cannot_be_traced(sandbox: Sandbox) -> None:
    program = """
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    print(libc.ptrace(16, os.getppid(), 0, 0), libc.ptrace(0, 0, 0, 0))
    """
    assert told(sandbox, program) == ["-1 -1"] or sandbox.system_calls is None


def test_it_is_nobody_without_capabilities_on_a_host_of_its_own(sandbox: Sandbox) -> None:
    program = """
    import ctypes, socket
    print(os.getuid(), os.getgid(), os.uname().nodename, tried(os.setuid, 0), os.getpid() < 10)
    libc = ctypes.CDLL(None)
    print([libc.prctl(23, capability) for capability in range(41)] == [0] * 41 , libc.prctl(39, 0, 0, 0, 0))
    """
    first, second = told(sandbox, program)
    assert first in ("65534 65534 sandbox EINVAL True", "65534 65534 sandbox EPERM True")
    assert second == "True 1"


def test_it_runs_on_one_processor(sandbox: Sandbox) -> None:
    before = os.sched_getaffinity(0)
    assert told(sandbox, "print(len(os.sched_getaffinity(0)))") == ["1"]
    assert os.sched_getaffinity(0) == before


def test_runs_at_the_same_time_do_not_see_each_other(sandbox: Sandbox) -> None:
    program = """
    import os, sys
    name = sys.stdin.read()
    before = os.listdir("/tmp")
    open("/tmp/" + name, "w").close()
    print(before, os.listdir("/tmp"))
    """
    found: dict[str, bytes] = {}

    def one(name: str) -> None:
        found[name] = run(sandbox, program, stdin=name.encode()).stdout

    threads = [threading.Thread(target=one, args=(name,)) for name in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: f"[] ['{name}']\n".encode() for name in "abcdef"}


def test_no_descriptor_is_left_open(sandbox: Sandbox) -> None:
    run(sandbox, "1")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for wall_s in (5, 0.2):
        run(sandbox, "import time; time.sleep(1)" if wall_s < 1 else "1", wall_s=wall_s)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_it_works_for_a_user_who_is_not_root(sandbox: Sandbox) -> None:
    if os.geteuid() != 0:
        pytest.skip("the other tests are this one")
    # as a user who can walk neither to this project nor to its interpreter: the package comes through a pipe
    sources = {
        name: Path(module.__file__).with_name(f"{name}.py").read_text()
        for name in ("syscall_filter", "sandbox_process", "sandbox")
    }
    program = f"""
import sys, types
for name in ("tokenarena_assets", "tokenarena_assets.suites"):
    sys.modules[name] = types.ModuleType(name)
for name, source in {sources!r}.items():
    it = sys.modules["tokenarena_assets.suites." + name] = types.ModuleType("tokenarena_assets.suites." + name)
    exec(compile(source, name, "exec"), it.__dict__)
found = it.find_sandbox()
print(it.why_no_sandbox(), found.user, found.run("print('hi')").stdout)
"""
    python = "/usr/bin/python3"
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version_info >= (3, 11))"], capture_output=True, text=True, check=False
    )
    if version.stdout.strip() != "True":
        pytest.skip("no system interpreter that is new enough")
    done = subprocess.run(
        [python, "-I", "-c", "import sys; exec(sys.stdin.read())"],
        input=program,
        capture_output=True,
        text=True,
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        timeout=60,
        check=False,
    )
    assert done.stdout == "None None b'hi\\n'\n", done.stderr


@pytest.fixture
def fresh_search() -> object:
    module._search.cache_clear()
    yield None
    module._search.cache_clear()


def test_without_bubblewrap_there_is_no_sandbox_and_doctor_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, fresh_search: object
) -> None:
    monkeypatch.setattr(module, "_bwrap", lambda: None)
    assert find_sandbox() is None
    assert why_no_sandbox() == "bwrap not found"
    finding = doctor._sandbox()
    assert finding.level == "warn"
    assert "not run" in finding.finding
    assert "apt-get install bubblewrap" in (finding.mend or "")


def test_a_bubblewrap_that_cannot_run_is_no_sandbox(
    monkeypatch: pytest.MonkeyPatch, fresh_search: object, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    closed = tmp_path / "unprivileged_userns_clone"
    closed.write_text("0\n")
    monkeypatch.setattr(module, "_bwrap", lambda: str(broken))
    monkeypatch.setattr(module, "_SETTINGS", ((closed, "0", "sysctl -w kernel.unprivileged_userns_clone=1"),))
    monkeypatch.setattr(module, "_ways", lambda: [(None, sys.executable)])
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert find_sandbox() is None
    assert why_no_sandbox() == "bwrap cannot run here: bwrap: No permissions to create new namespace"
    assert "kernel.unprivileged_userns_clone=1" in (doctor._sandbox().mend or "")


def test_a_bubblewrap_that_keeps_nothing_apart_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, fresh_search: object, tmp_path: Path
) -> None:
    careless = tmp_path / "bwrap"
    careless.write_text('#!/bin/sh\nwhile [ "$1" != "--" ]; do shift; done\nshift\nexec "$@"\n')
    careless.chmod(0o755)
    monkeypatch.setattr(module, "_bwrap", lambda: str(careless))
    monkeypatch.setattr(module, "_ways", lambda: [(None, sys.executable)])
    assert find_sandbox() is None
    assert "does not hold" in (why_no_sandbox() or "")


def test_doctor_names_what_it_found(sandbox: Sandbox) -> None:
    finding = doctor._sandbox()
    assert finding.level == "ok"
    assert sandbox.bwrap in finding.finding


@pytest.mark.parametrize("machine", sorted(AUDIT_ARCH))
def test_every_jump_of_the_filter_stays_inside_it(machine: str) -> None:
    program = seccomp_filter(machine)
    assert program is not None
    steps = list(struct.iter_unpack("=HBBI", program))
    assert len(steps) < 4096
    for number, (code, yes, no, _) in enumerate(steps):
        if code & 7 == 5:
            assert number + 1 + max(yes, no) < len(steps)
    assert steps[-1][0] == 6


def test_an_unknown_machine_has_no_filter() -> None:
    assert seccomp_filter("riscv64") is None
