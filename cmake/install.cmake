# `cmake --install DIR --prefix X` makes a tree that stands alone: the program, the shared library with its headers and
# its package for find_package(burin) and pkg-config, the module of both, and MLX with the libraries its wheel brings, in
# the wheel's own arrangement, which libmlx's search path expects. OpenBLAS stays the system's. The tree can be moved.
if(TARGET burin_shared)
  include(CMakePackageConfigHelpers)
  set(burin_package "lib/cmake/burin")
  install(TARGETS burin_shared EXPORT burin-targets LIBRARY DESTINATION lib)
  install(EXPORT burin-targets NAMESPACE burin:: DESTINATION "${burin_package}")
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/burin" DESTINATION include FILES_MATCHING PATTERN "*.h")
  # The library needs no other package, so its targets file is the whole configuration.
  set(burin_config "${CMAKE_BINARY_DIR}/burin-config.cmake")
  file(WRITE "${burin_config}" "include(\"\${CMAKE_CURRENT_LIST_DIR}/burin-targets.cmake\")\n")
  write_basic_package_version_file("${CMAKE_BINARY_DIR}/burin-config-version.cmake" COMPATIBILITY SameMinorVersion)
  install(FILES "${burin_config}" "${CMAKE_BINARY_DIR}/burin-config-version.cmake" DESTINATION "${burin_package}")
  configure_file("${CMAKE_CURRENT_LIST_DIR}/burin.pc.in" "${CMAKE_BINARY_DIR}/burin.pc" @ONLY)
  install(FILES "${CMAKE_BINARY_DIR}/burin.pc" DESTINATION lib/pkgconfig)
endif()
if(NOT BURIN_WITH_MLX)
  return()
endif()

cmake_path(GET MLX_LIBRARY_DIRS PARENT_PATH burin_mlx_root)
cmake_path(GET burin_mlx_root PARENT_PATH burin_site_packages)
install(
  DIRECTORY "${burin_mlx_root}/lib"
  DESTINATION lib/burin/mlx
  FILES_MATCHING
  PATTERN "*.so*"
  PATTERN "*.dylib"
  PATTERN "*.metallib"
)
if(EXISTS "${burin_site_packages}/mlx_cpu.libs")
  install(DIRECTORY "${burin_site_packages}/mlx_cpu.libs" DESTINATION lib/burin)
endif()
file(GLOB burin_mlx_licenses "${burin_site_packages}/mlx*.dist-info/licenses/*")
install(FILES ${burin_mlx_licenses} DESTINATION share/doc/burin/mlx)
install(FILES "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/CHANGELOG.md" DESTINATION share/doc/burin)

set(burin_origin "$ORIGIN")
if(APPLE)
  set(burin_origin "@loader_path")
endif()
burin_registry(burin_backends "${PROJECT_SOURCE_DIR}/src/backends/backends.def")
foreach(backend IN LISTS burin_backends)
  set_target_properties(burin_${backend} PROPERTIES INSTALL_RPATH "${burin_origin}/mlx/lib")
endforeach()
