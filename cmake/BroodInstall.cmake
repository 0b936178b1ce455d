# BroodInstall.cmake - what `cmake --install` puts where
#
# SPDX-License-Identifier: MPL-2.0
#
# The shared library is found without anything else installed. The static one
# needs the development files of others, so its target is in an
# export of its own: broodConfig.cmake loads it where those are found.

include (CMakePackageConfigHelpers)

# Classes that are not built yet keep their headers out of this list.
set (BROOD_HEADERS
     brood_array.h
     brood_barrier.h
     brood_condition.h
     brood_conn.h
     brood_dict.h
     brood_error.h
     brood_event.h
     brood_flow.h
     brood_future.h
     brood_init.h
     brood_list.h
     brood_listener.h
     brood_lock.h
     brood_log.h
     brood_manager.h
     brood_msg.h
     brood_msgpack.h
     brood_namespace.h
     brood_pool.h
     brood_prelude.h
     brood_process.h
     brood_progress.h
     brood_proxy.h
     brood_queue.h
     brood_rlock.h
     brood_semaphore.h
     brood_shm.h
     brood_shmlist.h
     brood_stream.h
     brood_task.h
     brood_value.h
     brood_wait.h)
list (TRANSFORM BROOD_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/brood/)
list (PREPEND BROOD_HEADERS ${PROJECT_SOURCE_DIR}/include/brood.h)

# Those of libraries on top of it, where they are built.
set (BROOD_CZMQ_HEADERS "")
if (TARGET brood_czmq)
    set (BROOD_CZMQ_HEADERS ${PROJECT_SOURCE_DIR}/include/brood/brood_czmq.h)
endif ()

install (FILES ${PROJECT_SOURCE_DIR}/include/brood.h
         DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
foreach (header IN LISTS BROOD_HEADERS BROOD_CZMQ_HEADERS)
    if (header MATCHES "/brood/")
        install (FILES ${header}
                 DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/brood)
    endif ()
endforeach ()

# --- Libraries, for CMake --------------------------------------------------

set (package ${CMAKE_INSTALL_LIBDIR}/cmake/brood)
install (TARGETS brood EXPORT broodTargets)
install (EXPORT broodTargets NAMESPACE brood:: DESTINATION ${package})
install (TARGETS brood_static EXPORT broodStaticTargets)
install (EXPORT broodStaticTargets NAMESPACE brood:: DESTINATION ${package})
if (TARGET brood_czmq)
    install (TARGETS brood_czmq EXPORT broodCzmqTargets)
    install (EXPORT broodCzmqTargets NAMESPACE brood:: DESTINATION ${package})
    install (TARGETS brood_czmq_static EXPORT broodCzmqStaticTargets)
    install (EXPORT broodCzmqStaticTargets NAMESPACE brood::
             DESTINATION ${package})
endif ()
set (BROOD_STATIC_JANSSON ${JANSSON_FOUND})
configure_package_config_file (
    ${PROJECT_SOURCE_DIR}/cmake/broodConfig.cmake.in
    ${PROJECT_BINARY_DIR}/broodConfig.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file (
    ${PROJECT_BINARY_DIR}/broodConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install (FILES ${PROJECT_BINARY_DIR}/broodConfig.cmake
               ${PROJECT_BINARY_DIR}/broodConfigVersion.cmake
         DESTINATION ${package})

# --- And for everybody else ------------------------------------------------

set (BROOD_PC_REQUIRES "libzmq, libsodium, ${MSGPACK_MODULE_NAME}")
if (JANSSON_FOUND)
    string (APPEND BROOD_PC_REQUIRES ", jansson")
endif ()
# The folders may be given as absolute paths; most are below the prefix.
foreach (dir IN ITEMS LIBDIR INCLUDEDIR)
    if (IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
        set (BROOD_PC_${dir} "${CMAKE_INSTALL_${dir}}")
    else ()
        set (BROOD_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    endif ()
endforeach ()
# The prefix is the .pc file's own place, so that an installed tree can move;
# its depth is known only below a prefix.
file (RELATIVE_PATH BROOD_PC_PREFIX
      /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
string (REGEX REPLACE "/$" "" BROOD_PC_PREFIX "${BROOD_PC_PREFIX}")
if (IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
    set (BROOD_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
else ()
    set (BROOD_PC_PREFIX "\${pcfiledir}/${BROOD_PC_PREFIX}")
endif ()
# brood-static takes brood into the program and leaves its dependencies shared:
# `pkg-config --static` would want libzmq's own static ones, which Debian lacks.
set (BROOD_PCS brood brood-static)
if (TARGET brood_czmq)
    list (APPEND BROOD_PCS brood-czmq brood-czmq-static)
endif ()
foreach (pc IN LISTS BROOD_PCS)
    configure_file (${PROJECT_SOURCE_DIR}/cmake/${pc}.pc.in
                    ${PROJECT_BINARY_DIR}/${pc}.pc @ONLY)
    install (FILES ${PROJECT_BINARY_DIR}/${pc}.pc
             DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endforeach ()

# --- Documents -------------------------------------------------------------

# One page per class, cut from the headers.
set (man ${PROJECT_BINARY_DIR}/man)
add_custom_command (
    OUTPUT ${man}/stamp
    COMMAND ${PROJECT_SOURCE_DIR}/scripts/man ${PROJECT_VERSION} ${man}
            ${BROOD_HEADERS} ${BROOD_CZMQ_HEADERS}
    COMMAND ${CMAKE_COMMAND} -E touch ${man}/stamp
    DEPENDS ${BROOD_HEADERS} ${BROOD_CZMQ_HEADERS} ${PROJECT_SOURCE_DIR}/scripts/man VERBATIM)
add_custom_target (man ALL DEPENDS ${man}/stamp)
install (DIRECTORY ${man}/man3 ${man}/man7 DESTINATION ${CMAKE_INSTALL_MANDIR})

install (DIRECTORY ${PROJECT_SOURCE_DIR}/docs/
         DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")
foreach (document IN ITEMS README.md CHANGELOG.md LICENSE)
    install (FILES ${PROJECT_SOURCE_DIR}/${document}
             DESTINATION ${CMAKE_INSTALL_DOCDIR})
endforeach ()
