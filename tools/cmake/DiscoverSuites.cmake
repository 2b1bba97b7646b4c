# Writes a file of add_test commands, one for each suite of a GoogleTest program. Programs with LibTorch take more than
# a second to start, too long for each of their cases.
# cmake -D PROGRAM=… -D NAME=… -D TIMEOUT=… -D OUTPUT=… -P DiscoverSuites.cmake
execute_process(COMMAND "${PROGRAM}" --gtest_list_tests OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "(^|\n)[^ \n][^\n]*\\.[^\n]*" suites "\n${listing}")
set(tests "")
foreach(suite IN LISTS suites)
  string(REGEX REPLACE "^\n*([^ #]*)\\..*" "\\1" suite "${suite}")
  # Skipped is what says so of all its cases, and of no failure behind that.
  string(APPEND tests "add_test([==[${NAME}.${suite}]==] [==[${PROGRAM}]==] [==[--gtest_filter=${suite}.*]==])\n"
         "set_tests_properties([==[${NAME}.${suite}]==] PROPERTIES TIMEOUT ${TIMEOUT} SKIP_REGULAR_EXPRESSION "
         "[==[PASSED  . 0 tests.\n([^\n]*SKIPPED[^\n]*\n)+$]==])\n")
endforeach()
file(WRITE "${OUTPUT}" "${tests}")
