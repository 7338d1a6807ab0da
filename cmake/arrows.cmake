# The build fails on an include that goes against the layout: see tests/arrows for the rules.
add_custom_target(arrows
  COMMAND ${CMAKE_SOURCE_DIR}/tests/arrows ${CMAKE_SOURCE_DIR}
  COMMENT "Checking that includes follow the layout" VERBATIM)
