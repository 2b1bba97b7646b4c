# One library a folder of src, one test program a folder of tests, all built under the same rules.

find_program(KOHORT_CCACHE ccache)
if(KOHORT_CCACHE)
  # A precompiled header changes its time stamp at every checkout; ccache must look at its content only.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime" "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}"
      "CCACHE_NOHASHDIR=1" ${KOHORT_CCACHE})
endif()
find_program(KOHORT_MOLD mold)

add_library(kohort_flags INTERFACE)
# No contraction and no fast-math: the same source gives the same bits in every build of one compiler.
target_compile_options(kohort_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror -ffp-contract=off
                       -Wno-restrict  # false alarms of g++ 12 on std::string (GCC bug 105651)
                       "$<$<CONFIG:Release>:-O2>")
target_include_directories(kohort_flags INTERFACE "${CMAKE_SOURCE_DIR}/src")
if(KOHORT_CCACHE)
  target_compile_options(kohort_flags INTERFACE -fpch-preprocess)
endif()
if(KOHORT_MOLD)
  target_link_options(kohort_flags INTERFACE -fuse-ld=mold)
endif()
if(KOHORT_SANITIZE)
  # Instrumented code makes GCC warn of variables that are never uninitialised.
  target_compile_options(kohort_flags INTERFACE -fsanitize=${KOHORT_SANITIZE} -fno-omit-frame-pointer -Wno-maybe-uninitialized)
  target_link_options(kohort_flags INTERFACE -fsanitize=${KOHORT_SANITIZE})
endif()

# kohort_library(FOLDER SOURCES a.cpp b.cpp PUBLIC lib… PRIVATE lib…) makes the library kohort_FOLDER.
function(kohort_library folder)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(kohort_${folder} STATIC ${arg_SOURCES})
  target_link_libraries(kohort_${folder} PUBLIC kohort_flags ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()

# kohort_test(NAME [BY_SUITE] SOURCES a_test.cpp LINK lib… LABELS l…): a GoogleTest program, each of its cases (or suites)
# one ctest test; in the build with the wheel the program is one test, because each start loads gigabytes of CUDA's libraries.
function(kohort_test name)
  cmake_parse_arguments(arg "BY_SUITE" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name}_test ${arg_SOURCES})
  target_link_libraries(${name}_test PRIVATE kohort_flags ${arg_LINK} GTest::gmock GTest::gtest GTest::gtest_main)
  if(KOHORT_TORCH_WHEEL)
    add_test(NAME ${name} COMMAND ${name}_test --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES TIMEOUT 600 LABELS "${arg_LABELS}")
  elseif(arg_BY_SUITE)
    set(suites "${CMAKE_CURRENT_BINARY_DIR}/${name}_suites.cmake")
    set(script "${CMAKE_SOURCE_DIR}/tools/cmake/DiscoverSuites.cmake")
    add_custom_command(TARGET ${name}_test POST_BUILD VERBATIM
                       COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_FILE:${name}_test> -D NAME=${name} -D TIMEOUT=${arg_TIMEOUT}
                               -D OUTPUT=${suites} -P ${script})
    file(WRITE "${suites}.in" "if(EXISTS [==[${suites}]==])\n  include([==[${suites}]==])\n"
         "else()\n  add_test(${name}_NOT_BUILT ${name}_NOT_BUILT)\nendif()\n")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES "${suites}.in")
  else()
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
                         PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}")
  endif()
endfunction()
