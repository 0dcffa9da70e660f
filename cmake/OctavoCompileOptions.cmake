# How every native source is compiled. What one ISA adds to this is in native/CMakeLists.txt.
include(CheckCXXSymbolExists)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
string(REPLACE "-O2" "-O3" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)  # there are none, and clang would need a scanner
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

check_cxx_symbol_exists(__x86_64__ "cstddef" OCTAVO_TARGETS_X86_64)
check_cxx_symbol_exists(__aarch64__ "cstddef" OCTAVO_TARGETS_AARCH64)

if(OCTAVO_SANITIZE)
  add_compile_options(-fsanitize=${OCTAVO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${OCTAVO_SANITIZE})
endif()

# octavo_compile_options(<target>): language, floating point and warnings of our own sources.
# Without -ffp-contract=off the compiler may fuse a product and a sum where docs/numerics.md does not.
function(octavo_compile_options target)
  target_compile_options(${target} PRIVATE -ffp-contract=off -fno-math-errno -Wall -Wextra -Wpedantic)
  if(OCTAVO_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
endfunction()
