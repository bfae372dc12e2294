// Parsed once for all unit tests (tests/CMakeLists.txt): what the rooms have, and GoogleTest, which costs as
// much again.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cmake/precompiled.h"
