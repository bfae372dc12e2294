// StateMachine: the state of one object and the moves that are legal, in one byte. The table is a matrix of
// bits made at compile time, so a move costs one bit test; a move that is not in it is our bug and ends the
// process. Staying in a state is always legal. The enum has at most 16 states, numbered from 0, and a
// to_string().
//
//   static constexpr base::MoveTable<State> kMoves{{State::kIdle, {State::kOpen, State::kDone}},
//                                                  {State::kOpen, {State::kDone}}};
//   base::StateMachine<State, kMoves> state_{State::kIdle};
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace apisix::base {

[[noreturn]] void illegal_move(const char* from, const char* to);

template <typename State>
struct MoveTable {
  static constexpr std::size_t kStatesMax = 16;
  struct Row {
    State from;
    std::initializer_list<State> to;
  };

  // A state without a row of its own has no way out.
  consteval MoveTable(std::initializer_list<Row> rows) {
    for (const Row& row : rows) {
      for (const State to : row.to) add(row.from, to);
    }
    for (std::size_t state = 0; state < kStatesMax; ++state) add(State(state), State(state));
  }

  constexpr bool allows(State from, State to) const { return (bits[index(from)] >> index(to) & 1) != 0; }

  std::array<std::uint16_t, kStatesMax> bits{};  // of each state, the ones that may follow it

 private:
  static constexpr std::size_t index(State state) { return static_cast<std::size_t>(state); }
  // at(): a state beyond the table does not compile.
  consteval void add(State from, State to) {
    std::uint16_t& row = bits.at(index(from));
    static_cast<void>(bits.at(index(to)));
    row = static_cast<std::uint16_t>(row | 1u << index(to));
  }
};

template <typename State, const MoveTable<State>& kTable>
class StateMachine {
 public:
  constexpr explicit StateMachine(State initial) : state_(initial) {}

  State state() const { return state_; }
  bool operator==(State state) const { return state_ == state; }
  // "Idle", for logs; as the enum's to_string() says.
  const char* name() const { return to_string(state_); }

  static constexpr bool is_legal(State from, State to) { return kTable.allows(from, to); }
  void move_to(State next) {
    if (!is_legal(state_, next)) [[unlikely]]
      illegal_move(to_string(state_), to_string(next));
    state_ = next;
  }

 private:
  State state_;
};

}  // namespace apisix::base
