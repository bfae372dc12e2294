// What `apisix ACTION --help` says, for actions that need more than their line in the list. At most 80
// columns.
#pragma once

#include <string_view>

namespace apisix::master {

inline constexpr std::string_view kStatusPage = R"page(status [-d SECONDS] [--json]

Who runs, in which state, and with which configuration: the master, its agent
and its workers.

  STATE     Starting, Ready, Draining (finishes what its clients wait for, then
            leaves), Gone (died, will be started again)
  GEN       its generation: each reload makes a new one
  DEATHS    of this place, in a row
  REVISION  of the configuration that this worker serves with; AGE: since when
  REQ/S     measured over -d seconds (0.5)

The gateway is looked at through the memory that its processes share: that
works when no port answers. GET /v1/status of the Control API says the same.

exit codes: 0 ready, 1 degraded (the store is away) or not ready,
            3 not running, 4 it cannot be looked at

  apisix status
  apisix status --json | jq '.processes[] | select(.state != "Ready")'
  watch -n 2 apisix status)page";

inline constexpr std::string_view kHealthPage = R"page(health [UPSTREAM...] [--json]

The nodes that have health checks, and what is known of them. UPSTREAM names
whose nodes are meant: "upstreams/1", "routes/shop", "services/5". What nobody
has used yet, or has no checks, is not listed.

  STATUS    healthy and mostly_healthy nodes get requests, mostly_unhealthy and
            unhealthy ones do not
  OK, ...   successes and failures in a row, from which the next change is
            counted

exit codes: 0 no node is unhealthy, 1 one is, 3 not running,
            4 it cannot be looked at

  apisix health
  apisix health upstreams/1
  apisix health --json | jq '.[].nodes[] | select(.status == "unhealthy")')page";

inline constexpr std::string_view kTopPage = R"page(top [-d SECONDS] [-n COUNT] [--sort ORDER] [--json]

What passes through the gateway, by route and by upstream: requests per second,
answers by class, latencies. On a terminal the screen is drawn again every -d
seconds (2). Keys: q quits, s sorts by the next column, space looks at once.
Into a pipe, and with -n, one text follows the other; --json writes a line for
each.

  ORDER     rate, errors, p50, p90, p99 or name
  P50, ...  percentiles of the time between two screens: of routes from the
            first byte of the request to the last of the answer, of upstreams
            from the connect to the end of the answer

Every request is counted, with or without plugins. "-" is what no route took;
"(others)" is what there was no room for.

exit codes: 0 done, 3 not running, 4 it cannot be looked at

  apisix top
  apisix top --sort p99
  apisix top -n 1 -d 10
  apisix top --json -d 5 >> traffic.jsonl)page";

inline constexpr std::string_view kExplainPage =
    R"(explain [METHOD] URL [-H "NAME: VALUE"]... [--body TEXT] [--client-ip IP] [--consumer NAME] [--json]

What the running gateway would do with a request: the routes of its path in the order of precedence and why each is taken or
not, the plugins that run and where each is configured, the upstream and the node that is next. Nothing is sent, and no plugin
runs. One worker is asked, by the Control API. URL is http://HOST[:PORT]/PATH, https://..., or a path alone.

  VERDICT  taken; outranked (it would match, and comes behind); or the condition that fails: method, host, remote_addr,
           vars, path

exit codes: 0 explained, 2 the request makes no sense, 3 not running, 4 the gateway gave no answer

  apisix explain http://shop.example.com/cart
  apisix explain POST /cart -H "Host: shop.example.com" -H "X-Beta: yes" --consumer jack
  apisix explain /cart --json | jq '.candidates[] | select(.verdict == "vars") | .vars')";

inline constexpr std::string_view kLintPage = R"(lint [--json]

What is wrong, useless or about to break in the configuration that the running gateway serves with: routes that are never
taken, references to what is not there, upstreams without nodes, plugins that do not run, certificates that expire within 30
days, objects that nobody names. One worker is asked, by the Control API; traffic goes on.

  SEVERITY  error: requests fail; warning: something does not do what it says; info: it could be tidier

exit codes: 0 no error and no warning, 1 there are some, 3 not running, 4 the gateway gave no answer

  apisix lint
  apisix lint --json | jq '.findings[] | select(.severity == "error")')";

inline constexpr std::string_view kLuaPage =
    R"(lua check [PATH...] | lua test [PATH...] [--filter TEXT] [--junit FILE] | lua types DIR | lua repl

For who writes plugins. All four run inside the gateway's own engine, in this process: no gateway has to run, no port of
config.yaml is opened and nothing of its configuration is touched. config.yaml is read where there is one (-c, -p): paths,
dictionaries, plugin_attr. Folders with apisix/plugins above or below PATH can be required without it.

  check    syntax, unknown names, APIs in phases where they are disabled, modules that are not found, plugins that lack a
           field or are in a wrong place. PATH: files or folders (.)
  test     runs *_spec.lua and *_test.lua with busted's words; gateway.request{...} is a request through the engine
  types    writes annotations of the API for lua-language-server into DIR
  repl     evaluates lines

exit codes: 0 done, 1 something is wrong, a test failed, or it could not run, 2 wrong usage

  apisix lua check plugins/
  apisix lua test tests/ --filter "adds a header" --junit report.xml
  apisix lua types .luals && echo '{"workspace.library": [".luals"]}' > .luarc.json
  echo 'ngx.md5("a")' | apisix lua repl)";

inline constexpr std::string_view kListPage = R"page(KIND [ID] [--json]

What is configured, or one object of it. KIND is routes, services, upstreams,
consumers, consumer_groups, ssls, global_rules, plugin_configs,
plugin_metadata, protos, secrets or stream_routes.

Read from the store that config.yaml names: the embedded one, etcd, or the file
of standalone mode; the gateway need not run. --json prints objects as they are
stored: secret fields are encrypted there.

exit codes: 0 done, 1 no such object, or the store cannot be read

  apisix routes
  apisix upstreams 1 --json
  apisix secrets vault/1
  apisix routes --json | jq -r '.[] | select(.status == 0) | .id')page";

inline constexpr std::string_view kHistoryPage =
    R"page(history [REVISION] [--kind KIND] [--id ID] [--limit N] [--json]

Who changed what by the Admin API, the newest first, or what one change did.
The gateway must run; times are UTC. Changes that others made in the same etcd
have no entry.

  --kind, --id   only changes of such objects, of that object
  --limit        so many entries (20)

exit codes: 0 done, 1 no such revision, or the Admin API does not answer

  apisix history
  apisix history 1042
  apisix history --kind routes --id shop --limit 5
  apisix history --json | jq -r '.[] | select(.by != "ci") | .request')page";

inline constexpr std::string_view kRollbackPage =
    R"page(rollback REVISION [KIND/ID] [--dry-run] [--yes] [--json]

Puts everything back to how it was right after that revision of `apisix
history`, or one object; all of it or nothing, as a change of its own that can
be undone. Shows what changes and asks first; the gateway must run.

  --dry-run   only shows what would change
  --yes       does not ask; needed where nobody can be asked

exit codes: 0 done, 1 refused (standard error says why), or not agreed to

  apisix rollback 1042 --dry-run
  apisix rollback 1042 routes/shop
  apisix rollback 1042 --yes)page";

}  // namespace apisix::master
