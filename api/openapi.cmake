# citas_openapi: api/openapi.yaml as JSON, compiled in; declared in api/openapi.h.
set(openapi_source ${CMAKE_BINARY_DIR}/generated/api/openapi.cc)
add_custom_command(
  OUTPUT ${openapi_source}
  COMMAND /usr/bin/python3 ${CMAKE_CURRENT_LIST_DIR}/embed_openapi.py
          ${CMAKE_CURRENT_LIST_DIR}/openapi.yaml ${openapi_source}
  DEPENDS ${CMAKE_CURRENT_LIST_DIR}/embed_openapi.py ${CMAKE_CURRENT_LIST_DIR}/openapi.yaml
  COMMENT "Embedding openapi.yaml"
  VERBATIM)
add_library(citas_openapi ${openapi_source})
