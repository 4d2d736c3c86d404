"""The embedded Postgres as its users meet it: start, share, crash, stop, and the folders it refuses."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import sqlalchemy

from app.embedded import EmbeddedPostgres, EmbeddedPostgresError, binaries, serverlog
from app.embedded.errors import FolderRefused, InitFailed, StartFailed, WrongVersion
from app.settings import ROOT

USE_UNTIL_TOLD = """
import sys
from pathlib import Path
from app.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
pytestmark = pytest.mark.skipif("WORKBENCH_IN_SANDBOX" in os.environ, reason="a sandbox has no Unix sockets")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")


@contextmanager
def folder_of_ours() -> Iterator[Path]:
    """A folder that the system user can enter too; pytest's own folders are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="workbench test "))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A state folder with a database in it and no server running, shared by the tests."""
    with folder_of_ours() as folder:
        stop_leftovers(folder / "state")
        yield folder / "state"
        stop_leftovers(folder / "state")


@pytest.fixture
def fresh() -> Iterator[Path]:
    with folder_of_ours() as folder:
        yield folder / "state"


def stop_leftovers(state: Path) -> None:
    server = EmbeddedPostgres(state)
    server.start()
    server.release()


@contextmanager
def another_user(state: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that uses the database until its input ends; with the URL it got."""
    argv = [sys.executable, "-c", USE_UNTIL_TOLD, str(state)]
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process, process.stdout.readline().strip()


def ask(url: str, query: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def server_pid(state: Path) -> int:
    return int((state / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def answers(url: str) -> bool:
    try:
        return bool(ask(url, "SELECT true"))
    except psycopg.OperationalError:
        return False


def test_psycopg_and_sqlalchemy_take_the_url(state: Path) -> None:
    with EmbeddedPostgres(state) as url:
        assert ask(url, "SELECT current_database()") == "workbench"
        engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            assert connection.scalar(sqlalchemy.text("SELECT current_user")) == "workbench"
        engine.dispose()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("TimeZone", "UTC"),
        ("DateStyle", "ISO, YMD"),
        ("server_encoding", "UTF8"),
        ("listen_addresses", ""),
        ("max_connections", "100"),
        ("unix_socket_permissions", "0700"),
    ],
)
def test_the_server_is_durable_local_and_speaks_utc(served: str, setting: str, value: str) -> None:
    assert ask(served, f"SHOW {setting}") == value


def test_text_sorts_the_same_in_every_locale(served: str) -> None:
    assert ask(served, "SELECT 'Z' < 'a'")


@pytest.fixture(scope="module")
def served(state: Path) -> Iterator[str]:
    with EmbeddedPostgres(state) as url:
        yield url


def test_vectors_are_at_hand(served: str) -> None:
    assert ask(served, "SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 1


def test_starting_twice_is_starting_once(fresh: Path) -> None:
    server = EmbeddedPostgres(fresh)
    assert server.start() == server.start()
    assert server.release()
    assert not server.release()


def test_only_the_last_user_stops_the_server(fresh: Path) -> None:
    server = EmbeddedPostgres(fresh)
    url = server.start()
    with another_user(fresh) as (process, same_url):
        assert same_url == url
        assert not server.release()
        assert answers(url)
        process.communicate()
    assert not answers(url)


def test_users_that_start_together_share_one_server(fresh: Path) -> None:
    urls: list[str] = []

    def use() -> None:
        with another_user(fresh) as (process, url):
            urls.append(url)
            both_in.wait()
            process.communicate()

    both_in = threading.Barrier(2)
    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(urls) == 2
    assert urls[0] == urls[1] != ""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_user_leaves_a_server_that_the_next_one_takes_over(own: Path, how: signal.Signals) -> None:
    with another_user(own) as (process, url):
        ask(url, "CREATE TABLE IF NOT EXISTS kept ()")
        process.send_signal(how)
        process.wait()
        assert answers(url)
    server = EmbeddedPostgres(own)
    assert ask(server.start(), "SELECT to_regclass('kept') IS NOT NULL")
    assert server.release()
    assert not answers(url)


@pytest.fixture(scope="module")
def own() -> Iterator[Path]:
    """A state folder whose server nobody uses between two tests: these break it."""
    with folder_of_ours() as folder:
        stop_leftovers(folder / "state")
        yield folder / "state"
        stop_leftovers(folder / "state")


def test_a_crashed_server_starts_again_with_what_was_committed(own: Path) -> None:
    server = EmbeddedPostgres(own)
    url = server.start()
    ask(url, "CREATE TABLE survivor AS SELECT 42 AS value")
    os.kill(server_pid(own), signal.SIGKILL)
    with EmbeddedPostgres(own) as same_url:
        assert ask(same_url, "SELECT value FROM survivor") == 42
    assert server.release()


def test_a_process_file_that_names_another_process_is_not_believed(own: Path) -> None:
    with EmbeddedPostgres(own):
        lines = (own / "postgres" / "postmaster.pid").read_text().splitlines()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        stale = own / "postgres" / "postmaster.pid"
        stale.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
        with EmbeddedPostgres(own) as url:
            assert answers(url)
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_whose_socket_was_swept_away_is_started_anew(own: Path) -> None:
    with another_user(own) as (process, url):
        process.kill()
    shutil.rmtree(parse_qs(urlsplit(url).query)["host"][0])
    with EmbeddedPostgres(own) as url:
        assert answers(url)


def test_the_terminals_interrupt_does_not_reach_the_server(served: str, state: Path) -> None:
    assert os.getsid(server_pid(state)) != os.getsid(0)


def test_over_tcp_the_password_is_needed(own: Path) -> None:
    with EmbeddedPostgres(own, tcp=True) as url:
        assert urlsplit(url).hostname == "127.0.0.1"
        assert ask(url, "SHOW unix_socket_directories") == ""
        assert answers(url)
        assert not answers(url.replace(str(urlsplit(url).password), "guess"))
        with EmbeddedPostgres(own) as same:
            assert same == url


def test_a_server_in_use_on_a_socket_is_not_moved_to_tcp(served: str, state: Path) -> None:
    with pytest.raises(StartFailed, match="listens on a socket only"):
        EmbeddedPostgres(state, tcp=True).start()


def test_a_data_folder_of_another_version_is_refused(fresh: Path) -> None:
    (fresh / "postgres").mkdir(parents=True)
    (fresh / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(WrongVersion, match="made by Postgres 17"):
        EmbeddedPostgres(fresh).start()


def test_a_folder_with_other_files_is_not_taken_for_a_data_folder(fresh: Path) -> None:
    (fresh / "postgres").mkdir(parents=True)
    (fresh / "postgres" / "letter.txt").write_text("dear")
    with pytest.raises(FolderRefused, match="holds files but no Postgres data"):
        EmbeddedPostgres(fresh).start()


def test_a_path_that_the_starter_would_take_for_shell_is_refused(fresh: Path) -> None:
    with pytest.raises(FolderRefused, match="is refused"):
        EmbeddedPostgres(fresh / "$(touch x)").start()


def test_a_failed_first_start_says_why_and_leaves_no_half_made_data_folder(fresh: Path) -> None:
    fresh.mkdir(mode=0o711)
    if os.geteuid() == 0:
        binaries.copied(fresh / "postgres-bin")
    small = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20)); {FAIL_TO_START}"
    done = subprocess.run([sys.executable, "-c", small, str(fresh)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.startswith(f"{InitFailed.code} the data folder")
    assert "initdb said" in done.stdout
    assert not list(fresh.glob("postgres")) + list(fresh.glob("postgres-new-*"))


FAIL_TO_START = """
import sys
from pathlib import Path
from app.embedded import EmbeddedPostgres, EmbeddedPostgresError
try:
    EmbeddedPostgres(Path(sys.argv[1])).start()
except EmbeddedPostgresError as error:
    print(error.code, error)
"""


def test_what_a_killed_first_start_left_is_cleared_away(fresh: Path) -> None:
    (fresh / "postgres-new-half").mkdir(parents=True)
    (fresh / "postgres-new-half" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(fresh) as url:
        assert answers(url)
    assert not (fresh / "postgres-new-half").exists()


def test_a_server_that_can_not_start_shows_its_log(own: Path) -> None:
    control = own / "postgres" / "global" / "pg_control"
    kept = control.read_bytes()
    control.write_bytes(b"")
    with pytest.raises(StartFailed, match="pg_control"):
        EmbeddedPostgres(own).start()
    control.write_bytes(kept)
    with EmbeddedPostgres(own) as url:
        assert answers(url)


def test_a_log_that_grew_too_long_while_the_server_ran_keeps_its_end(own: Path) -> None:
    log = own / "postgres" / "server.log"
    with (server := EmbeddedPostgres(own)) as url:
        assert not server.cut_log()
        fill(log)
        assert server.cut_log()
        assert not server.cut_log()
        kept = log.with_name("server.log.old").read_text()
        assert kept.endswith("the last words\n")
        assert len(kept) == serverlog.KEPT
        with pytest.raises(psycopg.Error, match="division by zero"):
            ask(url, "SELECT 1 / 0")
        assert "division by zero" in log.read_text()
        assert log.stat().st_size < 10_000


def test_a_log_that_is_too_long_is_cut_before_the_server_starts(own: Path) -> None:
    stop_leftovers(own)
    fill(own / "postgres" / "server.log")
    with EmbeddedPostgres(own):
        assert (own / "postgres" / "server.log").stat().st_size < 10_000


def test_nobody_cuts_the_log_of_a_server_that_he_does_not_use(own: Path) -> None:
    fill(own / "postgres" / "server.log")
    assert not EmbeddedPostgres(own).cut_log()


def fill(log: Path) -> None:
    with log.open("a") as file:
        file.write("something\n" * (serverlog.LONGEST // 10) + "the last words\n")


def plant_link(folder: Path) -> None:
    folder.symlink_to("/tmp")


def plant_open_folder(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)


def plant_folder_of_another(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, 65534, 65534)


@pytest.mark.parametrize(
    "plant", [plant_link, plant_open_folder, pytest.param(plant_folder_of_another, marks=as_root)]
)
def test_a_socket_folder_that_is_not_ours_alone_is_refused(own: Path, plant: Callable[[Path], None]) -> None:
    with EmbeddedPostgres(own) as url:
        folder = Path(parse_qs(urlsplit(url).query)["host"][0])
    plant(folder)
    try:
        with pytest.raises(FolderRefused, match="only you can enter"):
            EmbeddedPostgres(own).start()
    finally:
        folder.unlink() if folder.is_symlink() else folder.rmdir()


def test_a_state_folder_that_can_not_be_made_is_refused(fresh: Path) -> None:
    fresh.write_text("a file")
    with pytest.raises(FolderRefused, match="WORKBENCH_STATE_DIR"):
        EmbeddedPostgres(fresh / "state").start()


@as_root
def test_root_is_told_which_folder_the_system_user_can_not_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(EmbeddedPostgresError, match="can not enter"):
        EmbeddedPostgres(tmp_path / "state").start()
    assert (tmp_path.stat().st_mode & 0o777) == 0o700


@as_root
def test_as_root_the_server_belongs_to_the_system_user(served: str, state: Path) -> None:
    assert Path(f"/proc/{server_pid(state)}").stat().st_uid not in (0, 65534)


@as_root
def test_an_ordinary_user_needs_no_root(fresh: Path) -> None:
    fresh.mkdir()
    os.chown(fresh, 65534, 65534)
    python = python_of_everybody()
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join([str(ROOT), *site_folders()])}
    done = subprocess.run(
        [python, "-B", "-c", USE_UNTIL_TOLD, str(fresh)],
        cwd="/",
        env=environment,
        user=65534,
        group=65534,
        extra_groups=[],
        input="",
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("postgresql://workbench@/workbench?host="), done.stderr
    assert (fresh / "postgres").stat().st_uid == 65534
    assert not (fresh / "postgres-bin").exists()


def site_folders() -> list[str]:
    return [path for path in sys.path if path.endswith("site-packages")]


def python_of_everybody() -> str:
    """An interpreter of this version that the user `nobody` can run with our packages."""
    name = f"python3.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        try:
            done = subprocess.run([python, "-c", ""], cwd="/", user=65534, group=65534, extra_groups=[])
        except OSError:
            continue
        readable = subprocess.run(["test", "-r", site_folders()[-1]], user=65534, group=65534).returncode == 0
        if done.returncode == 0 and readable:
            return python
    pytest.skip(f"no {name} that an ordinary user can run with the packages of this one")
