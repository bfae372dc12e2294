"""Plugins in Lua for a gateway: a folder for extra_lua_path that has them."""

import tempfile
from contextlib import contextmanager
from pathlib import Path

from gateway import merged, running_gateway


def plugin_file(folder, name):
    return folder / "apisix/plugins" / f"{name}.lua"


@contextmanager
def lua_folder(plugins):
    """Has the texts of plugins by name; deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="lua-plugins-") as path:
        folder = Path(path)
        folder.chmod(0o755)  # workers run as another user
        plugin_file(folder, "").parent.mkdir(parents=True)
        for name, text in plugins.items():
            plugin_file(folder, name).write_text(text)
        yield folder


def lua_config(folder, plugins, config=None):
    """Of config.yaml, with the names of plugins that are enabled."""
    return merged({"apisix": {"extra_lua_path": f"{folder}/?.lua"}, "plugins": plugins}, config or {})


@contextmanager
def lua_gateway(files, others=(), config=None):
    """A running one with the plugins of `files`, and others by name."""
    with lua_folder(files) as folder, running_gateway(config=lua_config(folder, [*files, *others], config)) as gateway:
        yield gateway
