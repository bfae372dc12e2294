#include "worker/upstream/balance/least_conn.h"

#include <algorithm>

namespace apisix::upstream {
namespace {

constexpr std::uint32_t kNothing = ~std::uint32_t{0};

std::uint64_t g_turn = 0;  // one worker is one thread; only the order of its values matters

}  // namespace

LeastConn::LeastConn(std::vector<PickerEntry> entries) : set_(std::move(entries)) {
  take_loads();
}

void LeastConn::set_usable(std::span<const std::uint8_t> usable) {
  let_go();
  set_.set_usable(usable);
  take_loads();
}

void LeastConn::take_loads() {
  heap_.resize(set_.size());
  for (std::uint32_t i = 0; i < heap_.size(); ++i) {
    NodeLoad& load = *set_.items()[i].load;
    if (load.heap != nullptr) load.heap->let_go();
    load.heap = this;
    put(i, i);
  }
  owns_loads_ = true;
  for (std::uint32_t place = static_cast<std::uint32_t>(heap_.size()) / 2; place-- > 0;) sift_down(place);
}

void LeastConn::let_go() {
  for (const auto& item : set_.items()) {
    if (item.load->heap == this) item.load->heap = nullptr;
  }
  owns_loads_ = false;
}

bool LeastConn::comes_before(const Item& a, const Item& b) {
  const std::uint64_t score_a = (std::uint64_t{a.load->active} + 1) * b.weight;
  const std::uint64_t score_b = (std::uint64_t{b.load->active} + 1) * a.weight;
  if (score_a != score_b) return score_a < score_b;
  if (a.load->last_turn != b.load->last_turn) return a.load->last_turn < b.load->last_turn;
  return a.index < b.index;
}

void LeastConn::put(std::uint32_t place, std::uint32_t position) {
  heap_[place] = position;
  set_.items()[position].load->heap_position = place;
}

void LeastConn::sift_up(std::uint32_t place) {
  const std::uint32_t moving = heap_[place];
  while (place > 0) {
    const std::uint32_t parent = (place - 1) / 2;
    if (!comes_before(set_.items()[moving], at(parent))) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, moving);
}

void LeastConn::sift_down(std::uint32_t place) {
  const std::uint32_t moving = heap_[place];
  const auto size = static_cast<std::uint32_t>(heap_.size());
  while (true) {
    std::uint32_t child = place * 2 + 1;
    if (child >= size) break;
    if (child + 1 < size && comes_before(at(child + 1), at(child))) ++child;
    if (!comes_before(at(child), set_.items()[moving])) break;
    put(place, heap_[child]);
    place = child;
  }
  put(place, moving);
}

void LeastConn::load_changed(std::uint32_t place) {
  const std::uint32_t position = heap_[place];
  sift_up(place);
  sift_down(set_.items()[position].load->heap_position);
}

// The subtree below a node that is not tried cannot hold a better one, so at most 2 * tried + 1 nodes
// are looked at.
std::uint32_t LeastConn::best_of_heap(const TriedSet* tried) const {
  std::uint32_t best = kNothing;
  std::array<std::uint32_t, 2 * TriedSet::kTriesMax + 2> open;
  std::size_t count = 0;
  open[count++] = 0;
  while (count > 0) {
    const std::uint32_t place = open[--count];
    if (place >= heap_.size()) continue;
    if (tried == nullptr || !tried->contains(at(place).index)) {
      if (best == kNothing || comes_before(at(place), set_.items()[best])) best = heap_[place];
      continue;
    }
    open[count++] = place * 2 + 1;
    open[count++] = place * 2 + 2;
  }
  return best;
}

std::uint32_t LeastConn::best_of_all(const TriedSet* tried) const {
  std::uint32_t best = kNothing;
  for (std::uint32_t i = 0; i < set_.size(); ++i) {
    const Item& item = set_.items()[i];
    if (tried != nullptr && tried->contains(item.index)) continue;
    if (best == kNothing || comes_before(item, set_.items()[best])) best = i;
  }
  return best;
}

std::uint32_t LeastConn::best(const TriedSet* tried) const {
  return owns_loads_ ? best_of_heap(tried) : best_of_all(tried);
}

NodeIndex LeastConn::peek(const PickInput& input) const {
  const std::uint32_t found = best(input.tried);
  return found == kNothing ? kNoNode : set_.items()[found].index;
}

NodeIndex LeastConn::pick(const PickInput& input) {
  const std::uint32_t found = best(input.tried);
  if (found == kNothing) return kNoNode;
  NodeLoad& load = *set_.items()[found].load;
  ++load.active;
  load.last_turn = ++g_turn;
  if (load.heap != nullptr) load.heap->load_changed(load.heap_position);
  return set_.items()[found].index;
}

void LeastConn::after(NodeIndex index, const PickOutcome&) {
  const PickerEntry* entry = set_.find_entry(index);
  if (entry == nullptr || entry->load->active == 0) return;
  --entry->load->active;
  if (entry->load->heap != nullptr) entry->load->heap->load_changed(entry->load->heap_position);
}

}  // namespace apisix::upstream
