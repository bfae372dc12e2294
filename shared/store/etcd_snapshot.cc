#include "shared/store/etcd_snapshot.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/open_file.h"
#include "shared/base/sip_hash.h"
#include "shared/base/unique_fd.h"

namespace apisix::store {
namespace {

// The last character is the version of the form.
constexpr std::string_view kMagic = "apisix-cpp etcd snapshot 1\n";
constexpr std::size_t kChecksumBytes = 16;
constexpr std::size_t kFileBytesMax = std::size_t{4} << 30;
// No secret: the checksum is for damage, not for attackers, who cannot write the file.
constexpr base::SipKey kKey{0x6170697369782d63, 0x70702d736e617073};

// --- writing: numbers are 8 bytes, little-endian; texts are their length and their bytes.

void put_number(std::string& out, std::uint64_t number) {
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(number >> (8 * i) & 0xff));
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size());
  out.append(text);
}

std::string checksum_of(std::string_view bytes) {
  const base::Hash128 hash = base::sip_hash_13(bytes, kKey);
  std::string out;
  put_number(out, hash.low);
  put_number(out, hash.high);
  return out;
}

// --- reading

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number() {
    std::uint64_t out = 0;
    const std::string_view bytes = take(8);
    for (std::size_t i = 0; i < bytes.size(); ++i)
      out |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    return out;
  }
  std::int64_t signed_number() { return static_cast<std::int64_t>(number()); }
  std::string text() {
    const std::uint64_t size = number();
    return std::string(take(size));
  }
  // How many things of at least 8 bytes can still follow: a damaged count must not reserve memory.
  std::size_t count() { return std::min<std::uint64_t>(number(), rest_.size() / 8); }
  bool is_good() const { return good_; }
  bool is_done() const { return good_ && rest_.empty(); }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) good_ = false;
    if (!good_) return {};
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }

  std::string_view rest_;
  bool good_ = true;
};

std::unexpected<base::Error> damaged(std::string_view why) {
  return base::fail(base::ErrorCode::kInvalid, base::ErrorSource::kStore, std::string(why));
}

std::unexpected<base::Error> cannot(std::string_view doing, const std::string& path) {
  return base::system_error(fmt::format("cannot {} {}", doing, path), errno);
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno != EINTR) return false;
    if (done > 0) bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

}  // namespace

std::string etcd_snapshot_path(const std::string& runtime_prefix) {
  return runtime_prefix + "/data/etcd-snapshot";
}

EtcdSnapshotEncoder::EtcdSnapshotEncoder(const EtcdSnapshot& head, std::size_t items) : out_(kMagic) {
  put_text(out_, head.prefix);
  put_number(out_, head.hosts.size());
  for (const std::string& host : head.hosts) put_text(out_, host);
  put_number(out_, head.written_ms);
  put_number(out_, static_cast<std::uint64_t>(head.list.revision));
  put_number(out_, items);
}

void EtcdSnapshotEncoder::add(std::string_view key, const Item& item) {
  put_text(out_, key);
  put_text(out_, item.value);
  for (const std::int64_t number : {item.create_revision, item.mod_revision, item.version, item.lease})
    put_number(out_, static_cast<std::uint64_t>(number));
}

std::string seal_snapshot(std::string encoded) {
  encoded += checksum_of(encoded);
  return encoded;
}

base::Result<EtcdSnapshot> decode_snapshot(std::string_view bytes) {
  if (!bytes.starts_with(kMagic)) return damaged("not a snapshot of this version");
  if (bytes.size() < kMagic.size() + kChecksumBytes) return damaged("cut off");
  const std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (checksum_of(body) != bytes.substr(body.size())) return damaged("damaged: its checksum is wrong");
  Reader reader(body.substr(kMagic.size()));
  EtcdSnapshot out;
  out.prefix = reader.text();
  for (std::size_t left = reader.count(); left > 0; --left) out.hosts.push_back(reader.text());
  out.written_ms = reader.number();
  out.list.revision = reader.signed_number();
  const std::size_t items = reader.count();
  out.list.items.reserve(items);
  for (std::size_t i = 0; i < items && reader.is_good(); ++i) {
    Item& item = out.list.items.emplace_back();
    item.key = reader.text();
    item.value = reader.text();
    item.create_revision = reader.signed_number();
    item.mod_revision = reader.signed_number();
    item.version = reader.signed_number();
    item.lease = reader.signed_number();
  }
  if (!reader.is_done()) return damaged("damaged: its parts do not fit");
  return out;
}

base::Status write_snapshot_file(const std::string& path, std::string_view bytes) {
  const std::size_t slash = path.rfind('/');
  const std::string folder_path = path.substr(0, slash);
  const std::string name = path.substr(slash + 1);
  const std::string temporary = name + ".new";
  // The folder, not what a link in it may lead to: that is replaced.
  const auto place = base::find_place(folder_path + "/.");
  if (!place) return std::unexpected(place.error());
  if (auto allowed = base::check_owner(*place, folder_path); !allowed) return allowed;
  const base::UniqueFd& folder = place->folder;
  struct stat owner{};
  if (::fstat(folder.get(), &owner) != 0) return cannot("look at", folder_path);
  ::unlinkat(folder.get(), temporary.c_str(), 0);
  const base::UniqueFd file(
      ::openat(folder.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return cannot("create", path + ".new");
  const bool is_ours = owner.st_uid == ::geteuid() && owner.st_gid == ::getegid();
  if (!is_ours && ::fchown(file.get(), owner.st_uid, owner.st_gid) != 0)
    return cannot("give away", path + ".new");
  if (!write_all(file.get(), bytes) || ::fsync(file.get()) != 0) return cannot("write", path + ".new");
  if (::renameat(folder.get(), temporary.c_str(), folder.get(), name.c_str()) != 0)
    return cannot("rename", path + ".new");
  const base::UniqueFd synced(::openat(folder.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (synced) ::fsync(synced.get());
  return {};
}

base::Result<EtcdSnapshot> read_snapshot_for(const std::string& path,
                                             const settings::Deployment::Etcd& etcd) {
  const auto bytes = base::read_file(path, kFileBytesMax);
  if (!bytes) return std::unexpected(bytes.error());
  auto snapshot = decode_snapshot(*bytes);
  if (!snapshot) return snapshot;
  if (snapshot->prefix != etcd.prefix)
    return damaged(fmt::format("it is of the prefix {}, not {}", snapshot->prefix, etcd.prefix));
  if (std::ranges::find_first_of(snapshot->hosts, etcd.host) == snapshot->hosts.end())
    return damaged("it is of another etcd: no endpoint is the same");
  return snapshot;
}

}  // namespace apisix::store
