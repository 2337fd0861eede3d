# Leaves out the files of the kinds of work that `onednn.cmake` does not ask for: they would be compiled, and
# nothing would refer to them. Says which of the others are worth optimising.
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
      list(FILTER sources EXCLUDE REGEX
        "deconv|gemm_(bf16_|x8s8s32x_)?inner_product|ref_inner_product|/(gemm|ref|jit_uni_sparse)(_[a-z0-9]+)?_matmul|brgemm_matmul(_per_mn_comp|_reduce)?\\.cpp|(jit_uni|ref)_(binary|eltwise|eltwise_int|prelu|reduction|xf16_sum)(_kernel)?\\.cpp|amx_(1x1|convolution)|sparse_decompress|grouped_gemm")
      list(APPEND sources ${lists})
      list(REMOVE_DUPLICATES sources)
      set_target_properties(${target} PROPERTIES SOURCES "${sources}")
      # Half of the time went into reading the same headers for each of the files.
      target_precompile_headers(${target} PRIVATE "${CMAKE_SOURCE_DIR}/src/cpu/cpu_convolution_pd.hpp")
    endif()
  endforeach()
  if(TARGET dnnl_cpu_x64)
    # Products of matrices, 32-bit convolutions, and what they are put together by: asked for with each window, or
    # making code anew for each length of one. Without it a window costs a tenth more.
    get_target_property(sources dnnl_cpu_x64 SOURCES)
    list(FILTER sources INCLUDE REGEX
      "/(injectors|brgemm)/|/x64/gemm/[^/]*$|gemm/(f32|s8x8s32)/|jit_brgemm_conv|jit_uni_reorder|jit_generator|brgemm_matmul_(reorders|copy_utils)")
    list(FILTER sources EXCLUDE REGEX "autogen|amx|bf16|/ir/")
    set_source_files_properties(${sources} TARGET_DIRECTORY dnnl_cpu_x64 PROPERTIES COMPILE_OPTIONS "-O1")
    target_precompile_headers(dnnl_cpu_x64 PRIVATE "${CMAKE_SOURCE_DIR}/src/cpu/x64/jit_generator.hpp")
  endif()
endfunction()
cmake_language(DEFER CALL leave_out_unused_sources)
