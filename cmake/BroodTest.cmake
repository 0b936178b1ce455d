# BroodTest.cmake - how tests, examples and benchmarks are registered
#
# SPDX-License-Identifier: MPL-2.0
#
#     brood_unit_test (test_brd_arena)             # in tests/unit
#     brood_test (test_pool_kill LABEL system TIMEOUT 60)
#     brood_example (hello)                        # in examples
#     brood_example (mandelbrot LIBS png NO_TEST)
#     brood_bench (bench_map)                      # in bench
#
# Each builds NAME.c of the calling folder, or NAME/NAME.c where that exists;
# SOURCES adds files, LIBS libraries, DEPENDS targets that must be built.

# In the environment of every test, so that ctest alone is enough. Suppressions
# name libzmq only: Debian's is not built with TSan, which then cannot see its
# locks.
set (BROOD_TEST_ENVIRONMENT
     "ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1"
     "BROOD_BIN=${PROJECT_BINARY_DIR}/brood"
     "UBSAN_OPTIONS=print_stacktrace=1"
     "TSAN_OPTIONS=die_after_fork=0:ignore_noninstrumented_modules=1:halt_on_error=1:second_deadlock_stack=1:\
suppressions=${PROJECT_SOURCE_DIR}/tests/tsan.supp")

function (brood_program name)
    cmake_parse_arguments (PARSE_ARGV 1 program "" "" "SOURCES;LIBS;DEPENDS")
    set (main ${CMAKE_CURRENT_SOURCE_DIR}/${name}.c)
    if (EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/${name}.c)
        set (main ${CMAKE_CURRENT_SOURCE_DIR}/${name}/${name}.c)
    endif ()
    add_executable (${name} ${main} ${program_SOURCES})
    brood_compile (${name})
    target_link_libraries (${name} PRIVATE ${program_LIBS})
    if (program_DEPENDS)
        add_dependencies (${name} ${program_DEPENDS})
    endif ()
endfunction ()

# A registered command with the environment and a time limit.
function (brood_add_test name label timeout)
    add_test (NAME ${name} COMMAND ${ARGN})
    set_tests_properties (
        ${name} PROPERTIES LABELS ${label} TIMEOUT ${timeout}
        SKIP_RETURN_CODE 77 ENVIRONMENT "${BROOD_TEST_ENVIRONMENT}")
endfunction ()

# A cmocka program against the inside of the library.
function (brood_test name)
    cmake_parse_arguments (
        PARSE_ARGV 1 test "SERIAL" "LABEL;TIMEOUT" "SOURCES;LIBS;DEPENDS;ARGS")
    if (NOT test_TIMEOUT)
        set (test_TIMEOUT 120)
    endif ()
    brood_program (
        ${name} SOURCES ${test_SOURCES} DEPENDS ${test_DEPENDS}
        LIBS ${test_LIBS} brood_t brood_testing)
    brood_add_test (
        ${name} "${test_LABEL}" ${test_TIMEOUT} ${name} ${test_ARGS})
    if (test_SERIAL)
        set_tests_properties (${name} PROPERTIES RUN_SERIAL ON)
    endif ()
endfunction ()

function (brood_unit_test name)
    brood_test (${name} LABEL unit ${ARGN})
endfunction ()

# A program as users write it: public headers, the shared library. Its test runs
# it without arguments, or with ARGS, on a pool of two; NO_TEST leaves it to a
# test of its own.
function (brood_example name)
    cmake_parse_arguments (
        PARSE_ARGV 1 example "NO_TEST" "TIMEOUT" "SOURCES;LIBS;ARGS")
    if (NOT example_TIMEOUT)
        set (example_TIMEOUT 60)
    endif ()
    brood_program (
        ${name} SOURCES ${example_SOURCES} LIBS brood ${example_LIBS})
    if (BROOD_TESTS AND NOT example_NO_TEST)
        brood_add_test (
            example_${name} example ${example_TIMEOUT} ${name}
            ${example_ARGS})
    endif ()
endfunction ()

function (brood_bench name)
    cmake_parse_arguments (PARSE_ARGV 1 bench "" "" "SOURCES;LIBS")
    brood_program (
        ${name} SOURCES ${bench_SOURCES} LIBS brood ${bench_LIBS})
endfunction ()
