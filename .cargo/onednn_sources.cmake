# Leaves out the files of the kinds of work that `onednn.cmake` does not ask for: they would be compiled, and
# nothing would refer to them.
if(CMAKE_VERSION VERSION_LESS 3.19 OR NOT CMAKE_CURRENT_SOURCE_DIR STREQUAL CMAKE_SOURCE_DIR)
  return()
endif()

function(leave_out_unused_sources)
  foreach(target dnnl_cpu dnnl_cpu_x64)
    if(TARGET ${target})
      get_target_property(sources ${target} SOURCES)
      # The lists of what can do each kind of work are asked for by name; they are empty then.
      set(lists ${sources})
      list(FILTER lists INCLUDE REGEX "_list\\.cpp$")
      list(FILTER sources EXCLUDE REGEX
        "/(lrn|prelu|rnn|shuffle|ukernel)/|_(backward|bwd)|_(lrn|pool|pooling|resampling|softmax|shuffle)(_[a-z0-9_]+)?\\.cpp$|_(batch|layer|group|instance)_normalization|_(tbb|ncsp|nspc)_batch")
      list(APPEND sources ${lists})
      list(REMOVE_DUPLICATES sources)
      set_target_properties(${target} PROPERTIES SOURCES "${sources}")
    endif()
  endforeach()
endfunction()
cmake_language(DEFER CALL leave_out_unused_sources)
