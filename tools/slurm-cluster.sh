#!/usr/bin/env bash
# A real Slurm of two nodes on this one machine, to try batch scripts, signals and MPI over
# nodes without a cluster. It has its own munge, ports and folder, so it leaves a Slurm that is
# already here alone; it needs no cgroups, no database, and not even root.
#
#   slurm-cluster.sh start     starts it, waits for both nodes, prints the variables to export:
#                                eval "$(tools/slurm-cluster.sh start)"
#                                srun -N2 -n4 --ntasks-per-node=2 --mpi=pmix PROGRAM
#   slurm-cluster.sh status    shows nodes and jobs; exit code 1 where it does not run
#   slurm-cluster.sh stop      cancels all jobs, ends every process, removes the folder
#
# Needs (Debian): slurm-wlm munge
#
# Environment:
#   KOHORT_SLURM_DIR     folder for configuration, state and logs (default: /tmp/kohort-slurm)
#   KOHORT_SLURM_PORT    first of three ports (default: 17000)
set -euo pipefail

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

dir=${KOHORT_SLURM_DIR:-/tmp/kohort-slurm}
[[ $dir == /* ]] || fail "KOHORT_SLURM_DIR is not an absolute path: $dir"
port=${KOHORT_SLURM_PORT:-17000}
export SLURM_CONF=$dir/slurm.conf
# The daemons carry this in their environment, by which stop tells them from another cluster's.
readonly mark=KOHORT_SLURM_DAEMON=$dir

# Debian keeps the daemons where an ordinary user's PATH does not look.
PATH=$PATH:/usr/sbin:/sbin

need_programs() {
  local program
  for program in munged mungekey slurmctld slurmd sinfo squeue scancel; do
    command -v "$program" >/dev/null || fail "$program not found (Debian: apt-get install slurm-wlm munge)"
  done
}

write_configuration() {
  local -r host=$(hostname -s) user=$(id -un)
  cat >"$SLURM_CONF" <<END
ClusterName=kohort
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmctldPidFile=$dir/slurmctld.pid
SlurmctldLogFile=$dir/log/slurmctld.log
# %n keeps the two daemons of one host apart. TmpFS too: PMIx makes its folders there.
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmdLogFile=$dir/log/slurmd-%n.log
SlurmdSpoolDir=$dir/spool-%n
TmpFS=$dir/tmp-%n
MpiDefault=pmix
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
# The nodes claim more CPUs than the machine may have: ranks share them.
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=/bin/true
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))] CPUs=4 State=UNKNOWN
PartitionName=main Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
END
}

# How many of the two nodes answer and can take or run jobs. A * after the state means that
# the node does not answer. Without a controller sinfo would wait for one, so it is not asked.
ready_nodes() {
  local pid
  pid=$(cat "$dir/slurmctld.pid" 2>/dev/null || true)
  if [[ -z $pid ]] || ! kill -0 "$pid" 2>/dev/null; then
    echo 0
    return
  fi
  timeout 10 sinfo -h -N -o '%T' 2>/dev/null | grep -cxE 'idle|mixed|allocated|completing' || true
}

# Ids of the cluster's processes. Looks for the daemons' programs only: a shell or a rank may
# have inherited the mark, and is not ours to end.
daemon_pids() {
  local folder name
  for folder in /proc/[0-9]*; do
    name=$(cat "$folder/comm" 2>/dev/null) || continue
    case $name in
      munged | slurmctld | slurmscriptd | slurmd | slurmstepd) ;;
      *) continue ;;
    esac
    if tr '\0' '\n' 2>/dev/null <"$folder/environ" | grep -qxF "$mark"; then
      printf '%s\n' "${folder#/proc/}"
    fi
  done
}

end_processes() {
  local signal pids
  if [[ $(ready_nodes) != 0 ]]; then
    # Jobs first, by Slurm: it knows the ranks, which outlive their slurmstepd.
    timeout 10 scancel --signal=KILL --full --user="$(id -un)" >/dev/null 2>&1 || true
    timeout 10 scancel --user="$(id -un)" >/dev/null 2>&1 || true
    for _ in {1..50}; do
      [[ -n $(timeout 5 squeue -h 2>/dev/null || true) ]] || break
      sleep 0.2
    done
  fi
  for signal in TERM KILL; do
    pids=$(daemon_pids)
    # shellcheck disable=SC2086  # one word an id
    [[ -z $pids ]] || kill -s "$signal" $pids 2>/dev/null || true
    for _ in {1..50}; do
      [[ -n $(daemon_pids) ]] || return 0
      sleep 0.2
    done
  done
  fail "these processes do not end: $(daemon_pids | tr '\n' ' ')"
}

print_exports() {
  echo "export SLURM_CONF=$SLURM_CONF"
  # The two nodes share one /dev/shm, where Open MPI's shared-memory transport would clash.
  echo "export OMPI_MCA_btl=self,tcp"
  # There are more ranks than cores: a waiting rank must give way.
  echo "export OMPI_MCA_mpi_yield_when_idle=1"
  if ((EUID == 0)); then
    echo "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
  fi
}

# Ends what was started, keeps the logs, and names the likely reason.
give_up() {
  local reason
  reason=$(cat "$dir"/log/*.log 2>/dev/null | grep -iE 'fatal|error:' | sort | tail -n 1 || true)
  end_processes
  fail "$1${reason:+: $reason} (logs: $dir/log)"
}

start() {
  need_programs
  if [[ $(ready_nodes) == 2 ]]; then
    echo "already running in $dir" >&2
    print_exports
    return
  fi
  if [[ -e $dir && ! -e $dir/.kohort-slurm && -n $(ls -A "$dir") ]]; then
    fail "$dir is not empty and not a cluster's folder; set KOHORT_SLURM_DIR to another place"
  fi
  end_processes   # what an interrupted start or a crash left
  rm -rf "$dir"
  mkdir -p "$dir"/{munge,log,state,spool-n1,spool-n2,tmp-n1,tmp-n2} || fail "cannot write to $dir"
  chmod 755 "$dir" "$dir/munge"
  : >"$dir/.kohort-slurm"
  write_configuration

  # Daemons keep neither this script's output nor its input open, so that $(... start) ends.
  mungekey --create --keyfile="$dir/munge/key" 2>>"$dir/log/munged.log" || give_up "cannot make a munge key"
  env "$mark" munged --key-file="$dir/munge/key" --socket="$dir/munge/socket" \
    --pid-file="$dir/munge/pid" --seed-file="$dir/munge/seed" --log-file="$dir/log/munged.log" \
    </dev/null >/dev/null 2>>"$dir/log/munged.log" || give_up "munged does not start"
  env "$mark" slurmctld -c -f "$SLURM_CONF" </dev/null >/dev/null 2>>"$dir/log/start.log" ||
    give_up "slurmctld does not start"
  local node
  for node in n1 n2; do
    env "$mark" slurmd -N "$node" -f "$SLURM_CONF" </dev/null >/dev/null 2>>"$dir/log/start.log" ||
      give_up "slurmd $node does not start"
  done
  local -r deadline=$((SECONDS + 60))
  while ((SECONDS < deadline)); do
    if [[ $(ready_nodes) == 2 ]]; then
      echo "two nodes are idle, folder $dir" >&2
      print_exports
      return
    fi
    (($(daemon_pids | wc -l) >= 4)) || give_up "a daemon ended right after its start"
    sleep 0.3
  done
  give_up "the nodes are not idle after 60 s"
}

stop() {
  end_processes
  if [[ -e $dir/.kohort-slurm ]]; then
    rm -rf "$dir"
  fi
  echo "stopped" >&2
}

status() {
  if [[ $(ready_nodes) == 0 ]]; then
    echo "not running"
    return 1
  fi
  sinfo -N -o '%N %T %C'
  squeue
}

case ${1:-} in
  start | stop | status) "$1" ;;
  *) fail "usage: slurm-cluster.sh start|stop|status" ;;
esac
