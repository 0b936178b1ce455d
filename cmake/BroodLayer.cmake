# BroodLayer.cmake - how folders become layers, and layers libraries
#
# SPDX-License-Identifier: MPL-2.0
#
#     brood_layer (brd_wire SOURCES brd_frame.c brd_pack.c LIBS msgpack)
#
# makes the object library brd_wire, and, with BROOD_TESTS, brd_wire_testing:
# the same sources with -DBRD_FAULTS. The shared and the static library are the
# sum of the former, brood_testing is the sum of the latter. LIBS takes zmq,
# sodium, msgpack and jansson; their include directories reach this layer and no other.

set (BROOD_WARNINGS
     -Wall -Wextra -Wpedantic -Wformat=2 -Wshadow -Wconversion
     -Wstrict-prototypes -Wmissing-prototypes -Wvla
     # __FILE__, as in a failed assertion, from the root of the tree.
     -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)

# Sanitizers go into everything, tests and examples too: a program that is not
# built with them cannot load a library that is.
set (BROOD_SANITIZE_FLAGS "")
if (BROOD_SANITIZE)
    list (JOIN BROOD_SANITIZE "," flags)
    set (BROOD_SANITIZE_FLAGS
         -fsanitize=${flags} -fno-sanitize-recover=all
         -fno-omit-frame-pointer)
endif ()
if (BROOD_FUZZ)
    list (APPEND BROOD_SANITIZE_FLAGS -fsanitize=fuzzer-no-link)
endif ()

# What every target of ours has, whatever it is.
function (brood_compile target)
    set_target_properties (
        ${target} PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON
        C_EXTENSIONS OFF)
    target_compile_definitions (${target} PRIVATE _GNU_SOURCE)
    target_compile_options (
        ${target} PRIVATE ${BROOD_WARNINGS} ${BROOD_SANITIZE_FLAGS})
    get_target_property (type ${target} TYPE)
    if (NOT type MATCHES "OBJECT|STATIC")
        target_link_options (${target} PRIVATE ${BROOD_SANITIZE_FLAGS})
    endif ()
endfunction ()

# The include path of our own sources: "base/...", "core/...", "workers/...".
set (BROOD_INCLUDES
     ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/lib
     ${PROJECT_SOURCE_DIR}/broker ${PROJECT_SOURCE_DIR})

function (brood_layer_object name)
    cmake_parse_arguments (PARSE_ARGV 1 layer "" "" "SOURCES;LIBS;DEFINES")
    add_library (${name} OBJECT ${layer_SOURCES})
    brood_compile (${name})
    set_target_properties (
        ${name} PROPERTIES C_VISIBILITY_PRESET hidden
        POSITION_INDEPENDENT_CODE ON)
    target_include_directories (${name} PRIVATE ${BROOD_INCLUDES})
    target_compile_definitions (${name} PRIVATE ${layer_DEFINES})
    foreach (library IN LISTS layer_LIBS)
        string (TOUPPER ${library} module)
        if (${module}_FOUND)
            target_link_libraries (${name} PRIVATE PkgConfig::${module})
            target_compile_definitions (${name} PRIVATE BROOD_HAVE_${module})
        endif ()
    endforeach ()
endfunction ()

function (brood_layer name)
    brood_layer_object (${name} ${ARGN})
    set_property (GLOBAL APPEND PROPERTY BROOD_LAYERS ${name})
    if (BROOD_TESTS)
        brood_layer_object (${name}_testing ${ARGN} DEFINES BRD_FAULTS)
    endif ()
endfunction ()

# A library that is the sum of all layers.
function (brood_sum name type suffix)
    get_property (layers GLOBAL PROPERTY BROOD_LAYERS)
    set (objects "")
    foreach (layer IN LISTS layers)
        list (APPEND objects $<TARGET_OBJECTS:${layer}${suffix}>)
    endforeach ()
    add_library (${name} ${type} ${objects})
    brood_compile (${name})
    set_target_properties (${name} PROPERTIES LINKER_LANGUAGE C)
    target_include_directories (
        ${name} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries (
        ${name} PRIVATE PkgConfig::ZMQ PkgConfig::SODIUM PkgConfig::MSGPACK
                        Threads::Threads m)
    if (JANSSON_FOUND)
        target_link_libraries (${name} PRIVATE PkgConfig::JANSSON)
    endif ()
endfunction ()

# What a shared library of ours has besides.
function (brood_shared name)
    set (map ${PROJECT_SOURCE_DIR}/cmake/brood.map)
    set_target_properties (
        ${name} PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0
        LINK_DEPENDS ${map})
    target_link_options (${name} PRIVATE -Wl,--version-script=${map})
    if (NOT BROOD_SANITIZE_FLAGS)
        # With clang the sanitizers' symbols come from the program.
        target_link_options (${name} PRIVATE -Wl,-z,defs)
    endif ()
endfunction ()

function (brood_libraries)
    brood_sum (brood SHARED "")
    brood_shared (brood)
    add_library (brood::brood ALIAS brood)

    brood_sum (brood_static STATIC "")
    set_target_properties (
        brood_static PROPERTIES OUTPUT_NAME brood EXPORT_NAME static)
    add_library (brood::static ALIAS brood_static)

    if (BROOD_TESTS)
        brood_sum (brood_testing STATIC _testing)
        target_include_directories (brood_testing INTERFACE ${BROOD_INCLUDES})
        target_compile_definitions (brood_testing INTERFACE BRD_FAULTS)
    endif ()
endfunction ()

# Libraries on top of brood's, for programs that use somebody else's as well:
# brood_on_top (czmq SOURCES ...) makes brood_czmq, brood_czmq_static and, with
# BROOD_TESTS, brood_czmq_testing. Its header includes czmq's, so whoever links
# with it links with czmq.
function (brood_on_top name)
    string (TOUPPER ${name} module)
    brood_layer_object (brd_${name} ${ARGN} LIBS ${name})
    set (variants "SHARED" "STATIC _static")
    if (BROOD_TESTS)
        list (APPEND variants "STATIC _testing")
    endif ()
    foreach (variant IN LISTS variants)
        string (REPLACE " " ";" variant "${variant}")
        list (POP_FRONT variant type)
        set (target brood_${name}${variant})
        add_library (${target} ${type} $<TARGET_OBJECTS:brd_${name}>)
        brood_compile (${target})
        set_target_properties (
            ${target} PROPERTIES LINKER_LANGUAGE C
            EXPORT_NAME ${name}${variant})
        target_link_libraries (
            ${target} PUBLIC brood${variant} PkgConfig::${module})
        add_library (brood::${name}${variant} ALIAS ${target})
    endforeach ()
    brood_shared (brood_${name})
    set_target_properties (
        brood_${name}_static PROPERTIES OUTPUT_NAME brood_${name})
endfunction ()
