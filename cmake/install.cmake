# `cmake --install DIR --prefix X` makes a tree that stands alone: the program, its module, and MLX with the libraries
# its wheel brings, in the wheel's own arrangement, which libmlx's search path expects. OpenBLAS stays the system's.
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
