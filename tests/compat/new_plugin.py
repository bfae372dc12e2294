"""new_plugin.py NAME [PRIORITY]: the skeleton of a plugin: its file, schema, behaviour table and page. ./dev plugin calls it."""

import json
import re
import sys
from pathlib import Path

import yaml

import generate

ROOT = Path(__file__).parents[2]

SOURCE = """// {name}: WHAT IT DOES, IN A LINE OR TWO.
#include <string>

#include "worker/plugin/plugin.h"

namespace apisix::plugins {{
namespace {{

class {type} final : public plugin::Plugin {{
 public:
  static constexpr plugin::PluginInfo kInfo{{.name = "{name}", .priority = {priority}}};

  explicit {type}(const plugin::Conf& conf) : message_(conf.text("message")) {{}}

  plugin::Step access(plugin::Request& request) override {{
    request.response().set_header("X-Message", message_);
    return plugin::pass();
  }}

 private:
  const std::string message_;
}};

}}  // namespace

const plugin::PluginKind& {stem} = plugin::define<{type}>();

}}  // namespace apisix::plugins
"""

TABLE = """plugin: {name}
summary: WHAT IT DOES
{enable}cases:
  - name: the message is in a header field of the response
    conf: {{message: hello}}
    request: {{path: /}}
    expect: {{status: 200, headers: {{X-Message: hello}}}}
  - name: a message is required
    conf: {{}}
    invalid: 'property "message" is required'
"""

PAGE = """# {name}

WHAT IT DOES.

| field | default | meaning |
|---|---|---|
| `message` | | the value of `X-Message` in the response, required |
"""


def schema(priority):
    message = {"type": "string", "minLength": 1, "maxLength": 1024}
    return {"priority": priority, "version": 0.1,
            "schema": {"type": "object", "properties": {"message": message}, "required": ["message"]}}


def is_enabled_by_default(name):
    return name in yaml.safe_load((ROOT / "conf" / "config.yaml.example").read_text())["plugins"]


def files(name, priority):
    stem = name.replace("-", "_")
    words = {"name": name, "stem": stem, "priority": priority, "type": "".join(word.capitalize() for word in name.split("-")),
             "enable": "" if is_enabled_by_default(name) else "enable: true  # it is not in the default list of plugins\n"}
    return {f"worker/plugins/{stem}.cc": SOURCE.format(**words),
            f"worker/plugins/schemas/{name}.json": json.dumps(schema(priority), indent=2, sort_keys=True) + "\n",
            f"tests/compat/plugins/{stem}.yaml": TABLE.format(**words),
            f"docs/plugins/{name}.md": PAGE.format(**words)}


def main():
    if len(sys.argv) not in (2, 3) or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", sys.argv[1]):
        sys.exit("usage: ./dev plugin NAME [PRIORITY], the name in lower case with '-' between words")
    made = files(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 0)
    for path in made:
        if (ROOT / path).exists():
            sys.exit(f"{path} is there already")
    for path, text in made.items():
        (ROOT / path).write_text(text)
        print(path)
    generate.PAGE.write_text(generate.page())
    print("docs/PLUGINS.md")


if __name__ == "__main__":
    main()
