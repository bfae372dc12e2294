# The release binary is laid out by what ran under load: cmake/release.profdata holds how often each branch of it was
# taken, and `./dev profile` measures that anew. A function that has changed since is compiled as without a profile,
# so that an old one costs speed only.
set(APISIX_PROFILE USE CACHE STRING "USE the profile, GENERATE one, or OFF")

# Functions of one file are known by its name without its folders, which differ from checkout to checkout.
set(name_of_file "SHELL:-mllvm -static-func-full-module-prefix=false")
set(profile ${CMAKE_CURRENT_LIST_DIR}/release.profdata)

if(APISIX_PROFILE STREQUAL "GENERATE")
  # Counts that live in the mapped file itself (%c), as processes end by _exit(), which writes none. A file that is
  # mapped has no place for the values of indirect calls.
  add_compile_options(-fprofile-generate ${name_of_file} "SHELL:-mllvm -runtime-counter-relocation"
                      "SHELL:-mllvm -disable-vp")
  add_link_options(-fprofile-generate)
elseif(APISIX_PROFILE STREQUAL "USE" AND EXISTS ${profile})
  add_compile_options(-fprofile-use=${profile} ${name_of_file} -Wno-profile-instr-out-of-date
                      -Wno-profile-instr-unprofiled -Wno-backend-plugin)
endif()
