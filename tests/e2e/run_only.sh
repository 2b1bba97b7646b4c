# How the tests start ranks: more of them than cores, as root, in containers.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none  # containers often forbid reading another process's memory

# ranks N ARGUMENTS…: kohort on N ranks, with 1 without mpirun
ranks() {
  local n=$1
  shift
  if [ "$n" -eq 1 ]; then "$KOHORT" "$@"; else mpirun -n "$n" "$KOHORT" "$@"; fi
}
