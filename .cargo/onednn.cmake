# What of oneDNN is compiled: the two kinds of work that CTranslate2 has for it, without threads of its own.
# All of it would take an hour of processor time. Read as a CMake toolchain file, which is how settings reach
# a crate's build script from outside (`.cargo/config.toml`); other libraries are left alone.
if(NOT CMAKE_SOURCE_DIR MATCHES "onednn-src")
  return()
endif()

set(ONEDNN_ENABLE_PRIMITIVE "CONVOLUTION;REORDER" CACHE STRING "")
set(ONEDNN_ENABLE_PRIMITIVE_CPU_ISA "AVX512" CACHE STRING "")
set(ONEDNN_CPU_RUNTIME "SEQ" CACHE STRING "")
# The code that calculates is made when the program runs; this is only what makes it.
set(CMAKE_CXX_FLAGS_RELEASE "-O1 -DNDEBUG" CACHE STRING "")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -DNDEBUG" CACHE STRING "")
set(CMAKE_PROJECT_INCLUDE "${CMAKE_CURRENT_LIST_DIR}/onednn_sources.cmake" CACHE STRING "")
