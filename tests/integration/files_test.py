"""Modes of what the gateway makes, and links that another user put into its folders."""

import os
import shutil
import stat
import subprocess

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")

NOBODY = 65534


def run_with_umask(gateway, umask, *arguments):
    return subprocess.run(["sh", "-c", f'umask {umask}; exec "$@"', "sh", gateway.binary, *arguments, "-p", gateway.prefix],
                          env=gateway.environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("umask", ["000", "077"])
def test_modes_do_not_depend_on_the_umask(make_gateway, umask):
    gateway = make_gateway(start=False)
    (gateway.prefix / "custom.yaml").write_text(gateway.config_path.read_text())
    done = run_with_umask(gateway, umask, "start", "-c", gateway.prefix / "custom.yaml")
    assert done.returncode == 0, done.stderr
    gateway.request("/")
    gateway.put("/routes/1", {"uri": "/*", "upstream": {"nodes": {"127.0.0.1:1": 1}}})
    modes = {str(path.relative_to(gateway.prefix)): stat.S_IMODE(path.stat().st_mode)
             for name in ("conf", "logs", "data") for path in [gateway.prefix / name, *(gateway.prefix / name).iterdir()]}
    for name in ("logs/error.log", "logs/access.log", "logs/nginx.pid", "conf/apisix.uid", "conf/.customized_config_path"):
        assert modes[name] == 0o644, name
    assert modes["logs"] == 0o755 and modes["data"] == 0o700
    assert {mode for name, mode in modes.items() if name.startswith("data/")} == {0o600}


@pytest.fixture
def folder_of_nobody(make_gateway, tmp_path):
    """A gateway in a prefix of another user, a file of root's, and what that user may put where."""
    gateway = make_gateway(start=False)
    (gateway.prefix / "logs").mkdir(exist_ok=True)
    for path in (gateway.prefix, gateway.prefix / "conf", gateway.prefix / "logs", gateway.config_path):
        os.chown(path, NOBODY, NOBODY)
    victim = tmp_path / "victim"
    victim.write_text("of root")
    victim.chmod(0o600)

    def plant(name, target):
        link = gateway.prefix / name
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        os.lchown(link, NOBODY, NOBODY)

    yield gateway, victim, plant
    assert (victim.read_text(), victim.stat().st_uid, stat.S_IMODE(victim.stat().st_mode)) == ("of root", 0, 0o600)


@needs_root
@pytest.mark.parametrize("name", ["logs/error.log", "logs/access.log", "logs/nginx.pid"])
def test_root_does_not_make_files_where_a_link_of_another_user_leads(folder_of_nobody, name):
    gateway, victim, plant = folder_of_nobody
    plant(name, victim.parent / "made")
    done = gateway.run("start")
    assert done.returncode == 1
    assert f"{gateway.prefix}/{name}: a symbolic link of user {NOBODY} leads to what is not theirs" in done.stderr
    assert not (victim.parent / "made").exists()


@needs_root
def test_id_is_kept_elsewhere_where_a_link_of_another_user_leads(folder_of_nobody):
    gateway, victim, plant = folder_of_nobody
    plant("conf/apisix.uid", victim.parent / "made")
    gateway.start()
    assert not (victim.parent / "made").exists()
    assert (gateway.prefix / "data/apisix.uid").read_text()


@needs_root
@pytest.mark.parametrize("name", ["logs/error.log", "logs/access.log", "logs/nginx.pid"])
def test_root_does_not_write_to_or_give_away_what_a_link_of_another_user_names(folder_of_nobody, name):
    gateway, victim, plant = folder_of_nobody
    plant(name, victim)
    assert gateway.run("start").returncode == 1


@needs_root
def test_root_writes_no_key_through_a_link_of_another_user(folder_of_nobody, tmp_path):
    gateway, _, plant = folder_of_nobody
    of_root = tmp_path / "config.yaml"
    text = "deployment: {admin: {admin_key: [{name: admin, key: '', role: admin}]}}\n"
    of_root.write_text(text)
    plant("conf/config.yaml", of_root)
    assert gateway.run("init").returncode == 1
    assert of_root.read_text() == text


@needs_root
def test_second_name_of_a_file_of_root_is_not_given_away(folder_of_nobody):
    gateway, victim, _ = folder_of_nobody
    second = gateway.prefix / "logs/error.log"
    try:
        os.link(victim, second)
    except OSError:
        pytest.skip("another file system")
    done = gateway.run("start")
    assert done.returncode == 1 and "it has another name (a hard link)" in done.stderr


@needs_root
def test_folder_that_is_a_link_of_another_user_is_not_entered(folder_of_nobody, tmp_path):
    gateway, _, plant = folder_of_nobody
    shutil.rmtree(gateway.prefix / "logs")
    (tmp_path / "of-root").mkdir()
    plant("logs", tmp_path / "of-root")
    assert gateway.run("start").returncode == 1
    assert not list((tmp_path / "of-root").iterdir())


@needs_root
def test_links_of_root_are_followed(make_gateway, tmp_path):
    gateway = make_gateway(start=False)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in (elsewhere, *list(elsewhere.parents)[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)  # workers have to get there
    (gateway.prefix / "logs").symlink_to(elsewhere)
    gateway.start()
    gateway.request("/seen")
    gateway.wait_for_log("GET /seen ", name="access.log")
    assert (elsewhere / "nginx.pid").exists()
    gateway.reload()
