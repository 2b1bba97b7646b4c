# Defines kohort_torch: LibTorch from the system (CPU), or from a Python wheel with CUDA. The wheel brings NCCL and the
# CUDA runtime too: TorchWheel::nccl and TorchWheel::cudart, where KOHORT_TORCH_WHEEL is set.
add_library(kohort_torch INTERFACE)
if(KOHORT_TORCH_WHEEL)
  find_package(TorchWheel 2.11 REQUIRED)
  message(STATUS "GPU build: LibTorch ${TorchWheel_VERSION}, CUDA ${TorchWheel_CUDA_VERSION}, NCCL ${TorchWheel_NCCL_VERSION}")
  target_link_libraries(kohort_torch INTERFACE TorchWheel::torch)
  target_compile_definitions(kohort_torch INTERFACE KOHORT_WITH_CUDA)
else()
  find_package(Torch REQUIRED)
  target_include_directories(kohort_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(kohort_torch INTERFACE ${TORCH_LIBRARIES})
endif()
