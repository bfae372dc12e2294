#include "shared/base/state_machine.h"

#include <gtest/gtest.h>

#include "shared/base/check_scope.h"

namespace apisix::base {
namespace {

class Door {
 public:
  enum class State : std::uint8_t { kClosed, kOpen, kLocked, kGone };
  static constexpr MoveTable<State> kMoves{{State::kClosed, {State::kOpen, State::kLocked, State::kGone}},
                                           {State::kOpen, {State::kClosed}},
                                           {State::kLocked, {State::kClosed, State::kGone}}};
  using Machine = StateMachine<State, kMoves>;
  Machine state_{State::kClosed};
};

const char* to_string(Door::State state) {
  constexpr const char* kNames[] = {"Closed", "Open", "Locked", "Gone"};
  return kNames[static_cast<std::size_t>(state)];
}

using State = Door::State;

// The last state that the table has room for.
enum class Step : std::uint8_t { kFirst = 0, kLast = 15 };
constexpr MoveTable<Step> kSteps{{Step::kFirst, {Step::kLast}}, {Step::kLast, {Step::kFirst}}};

TEST(StateMachineTest, TableIsThereAtCompileTime) {
  static_assert(Door::Machine::is_legal(State::kClosed, State::kLocked));
  static_assert(!Door::Machine::is_legal(State::kOpen, State::kLocked));
  static_assert(sizeof(Door::Machine) == sizeof(State));
  static_assert(kSteps.allows(Step::kFirst, Step::kLast) && kSteps.allows(Step::kLast, Step::kFirst));
  EXPECT_FALSE(kSteps.allows(static_cast<Step>(7), Step::kFirst));
}

TEST(StateMachineTest, EveryPairIsLegalExactlyIfItIsInTheTable) {
  constexpr State kAll[] = {State::kClosed, State::kOpen, State::kLocked, State::kGone};
  constexpr bool kLegal[4][4] = {{true, true, true, true},      // Closed
                                 {true, true, false, false},    // Open
                                 {true, false, true, true},     // Locked
                                 {false, false, false, true}};  // Gone: it has no row, it only stays
  for (const State from : kAll) {
    for (const State to : kAll) {
      EXPECT_EQ(Door::Machine::is_legal(from, to),
                kLegal[static_cast<std::size_t>(from)][static_cast<std::size_t>(to)])
          << to_string(from) << " to " << to_string(to);
    }
  }
}

TEST(StateMachineTest, LegalMovesAreMade) {
  Door door;
  EXPECT_EQ(door.state_.state(), State::kClosed);
  door.state_.move_to(State::kOpen);
  EXPECT_TRUE(door.state_ == State::kOpen);
  EXPECT_TRUE(door.state_ != State::kClosed);
  EXPECT_STREQ(door.state_.name(), "Open");
  door.state_.move_to(State::kOpen);
  door.state_.move_to(State::kClosed);
  door.state_.move_to(State::kGone);
  EXPECT_EQ(door.state_.state(), State::kGone);
}

TEST(StateMachineTest, IllegalMoveFailsTheCheckAndNamesBothStates) {
  Door door;
  door.state_.move_to(State::kOpen);
  const CheckScope scope;
  try {
    door.state_.move_to(State::kGone);
    FAIL() << "the move was made";
  } catch (const CheckFailed& failure) {
    EXPECT_NE(std::string_view(failure.what()).find("the move from Open to Gone"), std::string_view::npos)
        << failure.what();
  }
  EXPECT_EQ(door.state_.state(), State::kOpen);
}

}  // namespace
}  // namespace apisix::base
