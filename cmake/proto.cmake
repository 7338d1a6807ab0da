# C code of every message in proto/, made by protoc-c. Kept apart from our warnings: it is not our code.
find_program(PROTOC_C protoc-c REQUIRED)
file(GLOB proto_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/proto/*.proto)
set(proto_out ${CMAKE_BINARY_DIR}/proto)
file(MAKE_DIRECTORY ${proto_out})
foreach(file ${proto_files})
  get_filename_component(stem ${file} NAME_WE)
  list(APPEND proto_sources ${proto_out}/${stem}.pb-c.c)
  list(APPEND proto_headers ${proto_out}/${stem}.pb-c.h)
endforeach()
add_custom_command(
  OUTPUT ${proto_sources} ${proto_headers}
  COMMAND ${PROTOC_C} --proto_path=${CMAKE_SOURCE_DIR}/proto --c_out=${proto_out} ${proto_files}
  DEPENDS ${proto_files} VERBATIM)
add_library(hopnhat_proto STATIC ${proto_sources})
target_include_directories(hopnhat_proto SYSTEM PUBLIC ${proto_out})
