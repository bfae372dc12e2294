# One CMake target per folder ("room"). A room sees only the rooms it names in DEPS, so an include
# that breaks the layers of docs/ARCHITECTURE.md fails to link or, earlier, tests/tidy.

add_compile_options(-Wall -Wextra -Wpedantic -Werror -Wno-unused-parameter)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  # No build machine's paths in the binary. Not in the others: two checkouts then share one compiler cache.
  add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
  include(${CMAKE_CURRENT_LIST_DIR}/profile.cmake)
else()
  add_compile_options(-fno-omit-frame-pointer)
endif()
add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
add_link_options(-fuse-ld=lld)
include_directories(${CMAKE_SOURCE_DIR})

# The standard library's headers and fmt's, parsed once for all rooms and tests: they are most of what an object
# costs to compile. ccache needs -fno-pch-timestamp, and the sloppiness that ./dev sets.
add_library(precompiled OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cc)
target_precompile_headers(precompiled PRIVATE ${CMAKE_SOURCE_DIR}/cmake/precompiled.h)

# Headers are most of what is left: files of one room compile together, about eight in a unit. That is a third of
# the seconds in all, and a change still costs a few. Names in the anonymous namespaces of such a room are its own.
option(APISIX_UNITY "compile files of one room together" ON)

# The unit of a file follows from its name alone: a new file compiles one unit again, not all that come after it. Files
# that begin with `together` share one, for headers that are slow and only theirs.
function(apisix_units units together)
  foreach(source ${ARGN})
    get_filename_component(file ${source} NAME_WE)
    if(together AND file MATCHES "^${together}")
      set(unit ${together})
    else()
      string(MD5 hash ${file})
      string(SUBSTRING ${hash} 0 6 hash)
      math(EXPR unit "0x${hash} % ${units}")
    endif()
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${unit})
  endforeach()
endfunction()

# apisix_room(<name> [UNITY units [TOGETHER prefix] [ALONE prefixes...]] [DEPS rooms...] [LIBS libraries...]
#             [SUBFOLDERS folders...] [MAIN file]):
# every .cc of the current folder and of SUBFOLDERS but MAIN. Files that begin with one of ALONE are in no unit: those
# that are edited all day.
function(apisix_room name)
  cmake_parse_arguments(ROOM "" "UNITY;TOGETHER;MAIN" "ALONE;DEPS;LIBS;SUBFOLDERS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  foreach(folder ${ROOM_SUBFOLDERS})
    file(GLOB more CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cc)
    list(APPEND sources ${more})
  endforeach()
  if(ROOM_MAIN)
    list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/${ROOM_MAIN})
  endif()
  if(sources)
    add_library(${name} STATIC ${sources})
    target_precompile_headers(${name} REUSE_FROM precompiled)
    target_link_libraries(${name} PUBLIC ${ROOM_DEPS} ${ROOM_LIBS})
    if(ROOM_UNITY AND APISIX_UNITY)
      set(shared ${sources})
      foreach(prefix ${ROOM_ALONE})
        list(FILTER shared EXCLUDE REGEX "/${prefix}[^/]*$")
      endforeach()
      apisix_units(${ROOM_UNITY} "${ROOM_TOGETHER}" ${shared})
      set_target_properties(${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
    endif()
  else()
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ROOM_DEPS} ${ROOM_LIBS})
  endif()
endfunction()
