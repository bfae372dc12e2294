// apisix history [REVISION], apisix rollback REVISION [KIND/ID]: who changed what, and the way back, by the
// Admin API of the running gateway.
#include <cstdio>
#include <ctime>
#include <string>

#include <fmt/format.h>
#include <unistd.h>

#include "master/admin_call.h"
#include "master/running.h"
#include "master/view/terminal.h"
#include "master/view/text_table.h"
#include "shared/base/text.h"
#include "shared/format/read.h"

namespace apisix::master {
namespace {

using format::find_member;
using format::Json;

constexpr std::size_t kChangesShown = 3;

std::string entry_text(const Json& value) {
  return value.isString() ? format::string_of(value) : format::to_json(value);
}

std::string time_text(const Json& at_ms) {
  const std::time_t seconds =
      static_cast<std::time_t>(format::integer_of<std::uint64_t>(at_ms).value_or(0) / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string change_text(const Json& change) {
  return fmt::format("{} {}/{}", entry_text(find_member(change, "action")),
                     entry_text(find_member(change, "resource_type")),
                     entry_text(find_member(change, "resource_id")));
}

std::string changes_text(const Json& entry) {
  const Json& changes = find_member(entry, "changes");
  const Json& left_out = find_member(entry, "left_out");
  const std::size_t total = changes.size() + format::integer_of<std::uint64_t>(left_out).value_or(0);
  std::string out;
  for (Json::ArrayIndex i = 0; i < changes.size() && i < kChangesShown; ++i)
    out += (i > 0 ? ", " : "") + change_text(changes[i]);
  if (total > kChangesShown) out += fmt::format(" and {} more", total - kChangesShown);
  return out;
}

void print_entries(const Json& list) {
  TextTable table({{"REVISION", TextTable::Side::kRight},
                   {"TIME"},
                   {"BY"},
                   {"FROM"},
                   {"CHANGES", TextTable::Side::kLeft, true}});
  for (const Json& entry : list) {
    table.add({entry_text(find_member(entry, "revision")), time_text(find_member(entry, "at_ms")),
               entry_text(find_member(entry, "by")), entry_text(find_member(entry, "from")),
               changes_text(entry)});
  }
  print(table.lines(output_style()));
}

// "update routes/1", and below it "  /uri: "/a" -> "/b"".
void print_changes(const Json& changes) {
  for (const Json& change : changes) {
    std::puts(printable(change_text(change)).c_str());
    for (const Json& each : find_member(change, "diff")) {
      const Json& before = find_member(each, "old");
      const Json& after = find_member(each, "new");
      const std::string path = entry_text(find_member(each, "path"));
      std::string line = "  " + (path.empty() ? std::string("all of it") : path) + ": ";
      if (each.isMember("old")) line += format::to_json(before);
      if (each.isMember("old") && each.isMember("new")) line += " -> ";
      if (each.isMember("new")) line += format::to_json(after);
      if (!each.isMember("new")) line += " is removed";
      std::puts(printable(line).c_str());
    }
  }
}

int refused(const AdminResponse& response) {
  return failed({base::ErrorCode::kInvalid, base::ErrorSource::kClient, false, refusal_text(response)});
}

int wrong_usage(const char* text) {
  std::fprintf(stderr, "apisix: %s\n", text);
  return kExitUsage;
}

bool is_revision(const std::string& text) {
  return base::parse_integer<std::uint64_t>(text).has_value();
}

int show_entry(const Invocation& in) {
  const auto response = call_admin(in, "GET", "history/" + in.arguments.front() + "/diff");
  if (!response) return failed(response.error());
  if (!response->ok()) return refused(*response);
  if (in.as_json) {
    std::puts(format::to_json(response->body).c_str());
    return kExitDone;
  }
  const Json& entry = response->body;
  std::puts(printable(fmt::format(
                          "revision {}, {}, by {} from {}: {}", entry_text(find_member(entry, "revision")),
                          time_text(find_member(entry, "at_ms")), entry_text(find_member(entry, "by")),
                          entry_text(find_member(entry, "from")), entry_text(find_member(entry, "request"))))
                .c_str());
  if (find_member(entry, "has_values") == false) std::puts("(the values were too large to be kept)");
  print_changes(find_member(entry, "changes"));
  return kExitDone;
}

// "routes/1" as arguments of a query.
base::Result<std::string> object_query(const std::string& object) {
  const auto slash = object.find('/');
  if (slash == object.npos || slash == 0 || slash + 1 == object.size())
    return base::invalid("expected KIND/ID, such as routes/1");
  return fmt::format("kind={}&id={}", encoded(object.substr(0, slash)), encoded(object.substr(slash + 1)));
}

bool is_agreed() {
  std::fputs("Roll back? [y/N] ", stdout);
  std::fflush(stdout);
  char typed[16] = {};
  return std::fgets(typed, sizeof typed, stdin) != nullptr && (typed[0] == 'y' || typed[0] == 'Y');
}

}  // namespace

int run_history(const Invocation& in) {
  if (!in.arguments.empty()) {
    if (!is_revision(in.arguments.front())) return wrong_usage("history: a revision is a number");
    return show_entry(in);
  }
  std::string query = fmt::format("history?limit={}", in.limit);
  if (!in.kind.empty()) query += "&kind=" + encoded(in.kind);
  if (!in.id.empty()) query += "&id=" + encoded(in.id);
  const auto response = call_admin(in, "GET", query);
  if (!response) return failed(response.error());
  if (!response->ok()) return refused(*response);
  const Json& list = find_member(response->body, "list");
  if (in.as_json) {
    std::puts(format::to_json(list).c_str());
  } else {
    print_entries(list);
  }
  return kExitDone;
}

int run_rollback(const Invocation& in) {
  if (in.arguments.empty() || in.arguments.size() > 2 || !is_revision(in.arguments.front()))
    return wrong_usage("usage: apisix rollback REVISION [KIND/ID] [--dry-run] [--yes]");
  std::string path = "history/" + in.arguments.front() + "/rollback?";
  if (in.arguments.size() == 2) {
    const auto object = object_query(in.arguments[1]);
    if (!object) return wrong_usage(object.error().what.c_str());
    path += *object + "&";
  }
  const bool asks = !in.is_dry_run && !in.is_agreed;
  if (asks && ::isatty(STDIN_FILENO) == 0)
    return wrong_usage("rollback: nobody is there to ask, say --yes or --dry-run");
  if (in.is_dry_run || asks) {
    const auto rehearsed = call_admin(in, "POST", path + "dry_run=true");
    if (!rehearsed) return failed(rehearsed.error());
    if (!rehearsed->ok()) return refused(*rehearsed);
    const Json& changes = find_member(rehearsed->body, "changes");
    if (in.as_json) {
      std::puts(format::to_json(rehearsed->body).c_str());
    } else {
      print_changes(changes);
    }
    if (changes.empty() && !in.as_json) std::puts("nothing would change");
    if (in.is_dry_run || changes.empty()) return kExitDone;
    if (!is_agreed()) return kExitFailed;
  }
  const auto done = call_admin(in, "POST", path + "wait=10000");
  if (!done) return failed(done.error());
  if (!done->ok()) return refused(*done);
  if (in.as_json) {
    std::puts(format::to_json(done->body).c_str());
    return kExitDone;
  }
  const Json& changes = find_member(done->body, "changes");
  print_changes(changes);
  std::printf("rolled back: %u changes, revision %s\n", changes.size(),
              entry_text(find_member(done->body, "revision")).c_str());
  if (done->status == 202) std::puts("not all workers serve with it yet");
  return kExitDone;
}

}  // namespace apisix::master
