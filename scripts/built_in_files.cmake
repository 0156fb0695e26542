# Files of data/ compiled in, so that the program works from anywhere.
#
#   built_in_files(VARIABLE NAMESPACE HEADER FUNCTION PATTERN)
#
# Writes a source that defines NAMESPACE::FUNCTION, declared in HEADER: a span of recording/built_in_file.hpp with the
# files that match PATTERN (below data/). Its path goes into VARIABLE.
function(built_in_files variable namespace header function pattern)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/data/${pattern})
  set(entries "")
  foreach(path ${files})
    get_filename_component(name ${path} NAME_WE)
    file(READ ${path} text)
    string(APPEND entries "\t\t{\"${name}\", R\"built_in(${text})built_in\"},\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  endforeach()
  set(source ${PROJECT_BINARY_DIR}/generated/${function}.cpp)
  file(CONFIGURE OUTPUT ${source} @ONLY CONTENT
"#include \"@header@\"

namespace @namespace@ {

std::span<const BuiltInFile> @function@()
{
	static constexpr BuiltInFile files[] = {
@entries@	};
	return files;
}

} // namespace @namespace@
")
  set(${variable} ${source} PARENT_SCOPE)
endfunction()
