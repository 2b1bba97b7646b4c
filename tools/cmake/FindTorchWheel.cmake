# Finds LibTorch, the CUDA runtime and NCCL in a Python site-packages folder, so that the GPU code builds from wheels
# alone: no GPU, no CUDA toolkit, no root. The configuration files inside the torch wheel cannot do that: they insist
# on a complete CUDA toolkit with nvcc.
#
# Input:  KOHORT_TORCH_WHEEL   the site-packages folder that holds torch/ and nvidia/
# Output: TorchWheel::torch    LibTorch (CPU and CUDA), for code that includes torch/ or c10/
#         TorchWheel::cudart   the CUDA runtime, for code that includes cuda_runtime_api.h
#         TorchWheel::nccl     NCCL and the CUDA runtime
#         TorchWheel_VERSION, TorchWheel_CUDA_VERSION, TorchWheel_NCCL_VERSION

# Pulls the values of "#define NAME value" out of a header, joined by dots; empty where there is none.
function(torch_wheel_defines header result)
  set(values "")
  foreach(name IN LISTS ARGN)
    set(line "")
    if(EXISTS "${header}")
      file(STRINGS "${header}" line REGEX "^#define[ \t]+${name}[ \t]+" LIMIT_COUNT 1)
    endif()
    string(REGEX REPLACE "^#define[ \t]+${name}[ \t]+\"?([^\" \t]*).*" "\\1" value "${line}")
    list(APPEND values "${value}")
  endforeach()
  list(JOIN values "." joined)
  set(${result} "${joined}" PARENT_SCOPE)
endfunction()

# The newest of the files that match the patterns, or a NOTFOUND value. The NVIDIA wheels carry only versioned names
# (libnccl.so.2), which find_library does not try.
function(torch_wheel_newest variable)
  file(GLOB found ${ARGN})
  if(found)
    list(SORT found COMPARE NATURAL ORDER DESCENDING)
    list(GET found 0 found)
  else()
    set(found "${variable}-NOTFOUND")
  endif()
  set(${variable} "${found}" PARENT_SCOPE)
endfunction()

# Plain variables, found anew each time: a changed input must not meet old paths in the cache.
set(torch_wheel_include "${KOHORT_TORCH_WHEEL}/torch/include")
find_path(TorchWheel_INCLUDE_DIR c10/cuda/CUDAStream.h PATHS "${torch_wheel_include}" NO_DEFAULT_PATH NO_CACHE)
find_path(TorchWheel_API_INCLUDE_DIR torch/torch.h
          PATHS "${torch_wheel_include}/torch/csrc/api/include" NO_DEFAULT_PATH NO_CACHE)
foreach(name IN ITEMS torch torch_cpu torch_cuda c10 c10_cuda)
  find_library(TorchWheel_${name}_LIBRARY NAMES ${name} PATHS "${KOHORT_TORCH_WHEEL}/torch/lib" NO_DEFAULT_PATH NO_CACHE)
endforeach()

# CUDA's parts share one folder since CUDA 13 (nvidia/cu13). The headers crt/ come with a wheel that torch does not
# ask for; a CUDA toolkit of the same major version has the same files.
torch_wheel_newest(torch_wheel_cuda "${KOHORT_TORCH_WHEEL}/nvidia/cu[0-9]*")
torch_wheel_newest(TorchWheel_cudart_LIBRARY "${torch_wheel_cuda}/lib/libcudart.so.[0-9]*")
torch_wheel_newest(TorchWheel_nccl_LIBRARY "${KOHORT_TORCH_WHEEL}/nvidia/nccl/lib/libnccl.so.[0-9]*")
find_path(TorchWheel_CUDA_INCLUDE_DIR cuda_runtime_api.h PATHS "${torch_wheel_cuda}/include" NO_DEFAULT_PATH NO_CACHE)
find_path(TorchWheel_CRT_INCLUDE_DIR crt/host_defines.h PATHS "${torch_wheel_cuda}" ENV CUDA_HOME /usr/local/cuda
          PATH_SUFFIXES include NO_DEFAULT_PATH NO_CACHE)
find_path(TorchWheel_NCCL_INCLUDE_DIR nccl.h PATHS "${KOHORT_TORCH_WHEEL}/nvidia/nccl/include" NO_DEFAULT_PATH NO_CACHE)

torch_wheel_defines("${TorchWheel_INCLUDE_DIR}/torch/headeronly/version.h" TorchWheel_VERSION
                    TORCH_VERSION_MAJOR TORCH_VERSION_MINOR TORCH_VERSION_PATCH)
torch_wheel_defines("${TorchWheel_NCCL_INCLUDE_DIR}/nccl.h" TorchWheel_NCCL_VERSION NCCL_MAJOR NCCL_MINOR NCCL_PATCH)
torch_wheel_defines("${TorchWheel_CUDA_INCLUDE_DIR}/cuda_runtime_api.h" TorchWheel_CUDA_VERSION CUDART_VERSION)
if(TorchWheel_CUDA_VERSION)
  math(EXPR torch_wheel_major "${TorchWheel_CUDA_VERSION} / 1000")
  math(EXPR torch_wheel_minor "${TorchWheel_CUDA_VERSION} % 1000 / 10")
  set(TorchWheel_CUDA_VERSION "${torch_wheel_major}.${torch_wheel_minor}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(TorchWheel
  REQUIRED_VARS
    TorchWheel_torch_LIBRARY TorchWheel_torch_cpu_LIBRARY TorchWheel_torch_cuda_LIBRARY TorchWheel_c10_LIBRARY
    TorchWheel_c10_cuda_LIBRARY TorchWheel_cudart_LIBRARY TorchWheel_nccl_LIBRARY TorchWheel_INCLUDE_DIR
    TorchWheel_API_INCLUDE_DIR TorchWheel_CUDA_INCLUDE_DIR TorchWheel_CRT_INCLUDE_DIR TorchWheel_NCCL_INCLUDE_DIR
  VERSION_VAR TorchWheel_VERSION
  REASON_FAILURE_MESSAGE "KOHORT_TORCH_WHEEL is '${KOHORT_TORCH_WHEEL}'")

if(TorchWheel_FOUND AND NOT TARGET TorchWheel::torch)
  # torch_wheel_target(TARGET MODE libraries…) links the files under --as-needed or --no-as-needed, whatever the
  # linker's default. The run path is DT_RPATH on purpose: another NCCL or LibTorch on LD_LIBRARY_PATH must not be
  # mixed with the one compiled against.
  function(torch_wheel_target target mode)
    add_library(${target} INTERFACE IMPORTED GLOBAL)
    set(arguments "-Wl,--push-state,${mode}")
    foreach(library IN LISTS ARGN)
      get_filename_component(folder "${library}" DIRECTORY)
      string(APPEND arguments ",${library}")
      target_link_options(${target} INTERFACE "LINKER:-rpath,${folder}")
    endforeach()
    target_link_libraries(${target} INTERFACE "${arguments},--pop-state")
    target_link_options(${target} INTERFACE "LINKER:--disable-new-dtags")
  endfunction()

  # As needed: a program that lists these libraries calls them, which gpu_build_check.sh looks at.
  torch_wheel_target(TorchWheel::cudart --as-needed "${TorchWheel_cudart_LIBRARY}")
  target_include_directories(TorchWheel::cudart SYSTEM INTERFACE
                             "${TorchWheel_CUDA_INCLUDE_DIR}" "${TorchWheel_CRT_INCLUDE_DIR}")
  torch_wheel_target(TorchWheel::nccl --as-needed "${TorchWheel_nccl_LIBRARY}")
  target_include_directories(TorchWheel::nccl SYSTEM INTERFACE "${TorchWheel_NCCL_INCLUDE_DIR}")
  target_link_libraries(TorchWheel::nccl INTERFACE TorchWheel::cudart)

  # The wheel puts headers of its private libraries beside its own (dnnl.hpp, fmt/, google/, pybind11/, …), where they
  # would hide the system's from code that links the system's libraries. So only LibTorch's own folders are shown,
  # through links in the build folder.
  set(torch_wheel_headers "${CMAKE_BINARY_DIR}/torch-wheel-include")
  file(MAKE_DIRECTORY "${torch_wheel_headers}")
  foreach(name IN ITEMS ATen c10 caffe2 torch)
    file(CREATE_LINK "${TorchWheel_INCLUDE_DIR}/${name}" "${torch_wheel_headers}/${name}" SYMBOLIC)
  endforeach()

  # Not as needed: LibTorch's CUDA part registers itself when it is loaded, and no symbol asks for it. The standard
  # library stands before LibTorch, which exports parts of an older one, made for another system: found first,
  # its std::filesystem::remove_all crashes.
  torch_wheel_target(TorchWheel::torch --no-as-needed,-lstdc++ "${TorchWheel_torch_LIBRARY}" "${TorchWheel_torch_cpu_LIBRARY}"
                     "${TorchWheel_torch_cuda_LIBRARY}" "${TorchWheel_c10_LIBRARY}" "${TorchWheel_c10_cuda_LIBRARY}")
  target_include_directories(TorchWheel::torch SYSTEM INTERFACE "${torch_wheel_headers}" "${TorchWheel_API_INCLUDE_DIR}")
  # The wheels have been built with the new std::string since LibTorch 2.7.
  target_compile_definitions(TorchWheel::torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
  target_link_libraries(TorchWheel::torch INTERFACE TorchWheel::cudart)
endif()
