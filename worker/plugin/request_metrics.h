// RequestMetrics: how this process counts requests: the families of APISIX's exporter, and for every
// combination of label values the cells that a request adds to. A combination is looked up once per request
// by one key of bytes as they are at hand; texts of labels are made only when it is new. One per worker:
// Deps::shared().
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "shared/base/sip_hash.h"
#include "shared/format/json.h"
#include "shared/memory/metric_writer.h"
#include "shared/memory/metric_zone.h"
#include "worker/plugin/plugin.h"
#include "worker/route/variable_name.h"

namespace apisix::plugin {

class RequestMetrics {
 public:
  explicit RequestMetrics(Deps& deps);

  void count(Request& request, bool prefer_name);

 private:
  enum Metric : std::uint8_t { kStatus, kLatency, kBandwidth };
  static constexpr std::size_t kMetrics = 3;

  struct ExtraLabel {
    std::string name;
    route::VariableName variable;
  };
  struct Family {
    memory::FamilyId id = 0;
    std::vector<ExtraLabel> extra;
    std::set<std::string, std::less<>> disabled;  // by the plugin's metadata
  };
  struct Cells {
    memory::MetricZone::Handle handle;
    memory::MetricCell* first = nullptr;
  };
  // One combination.
  struct Series {
    Cells status;
    std::array<Cells, 3> latency;    // request, upstream, apisix
    std::array<Cells, 2> bandwidth;  // ingress, egress
    bool has_upstream_latency = false;
    std::uint32_t checked_at = 0;  // MetricZone::changes() when all of them were current
  };
  struct Values;
  // Seeded: extra labels may hold what a client sent, which could choose it to fall into one chain.
  struct KeyHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const;
    std::uint64_t seed;
  };

  void register_families(const format::Json& attr);
  void read_metadata();
  Values values_of(RequestState& request, bool prefer_name) const;
  void write_key(const Values& values, RequestState& request);
  void append_extra(RequestState& request);
  Series& series_of(const Values& values, RequestState& request);
  std::string labels_of(Metric metric, std::string_view kind, const Values& values,
                        RequestState& request) const;
  void make_series(Series& series, const Values& values, RequestState& request);
  bool is_current(Series& series) const;
  Cells cells_of(Metric metric, const std::string& labels);
  void observe(const Cells& cells, double value);

  Deps& deps_;
  memory::MetricZone& zone_;
  bool can_count_;  // enrolled, and all families are registered
  bool has_extra_ = false;
  std::array<Family, kMetrics> families_;
  std::vector<double> buckets_;
  std::uint64_t metadata_version_ = 0;
  std::unordered_map<std::string, Series, KeyHash, std::equal_to<>> series_{
      0, KeyHash{.seed = base::SipKey::random().k0}};
  std::string key_;
};

}  // namespace apisix::plugin
