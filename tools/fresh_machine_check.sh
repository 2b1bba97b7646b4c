#!/usr/bin/env bash
# Tries tools/quickstart.sh where nothing is installed: in a Debian 12 made by debootstrap, with an empty environment,
# from the last commit. Needs root, debootstrap, some 4 GB and the package mirror. Prints how long it took.
# Usage: tools/fresh_machine_check.sh [FOLDER]       (default: a temporary one, which is removed)
set -euo pipefail
cd "$(dirname "$0")/.."
command -v debootstrap >/dev/null || { echo "error: debootstrap is not installed (apt-get install debootstrap)" >&2; exit 4; }
root=${1:-$(mktemp -d)}
cleanup() {
  umount -l "$root/proc" "$root/dev/shm" 2>/dev/null || true
  [ -n "${kept:-}" ] || rm -rf --one-file-system "$root"
}
kept=${1:-}
trap cleanup EXIT
mirror=$(sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\).*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | head -n 1 || true)
[ -e "$root/usr/bin/apt-get" ] || debootstrap --variant=minbase bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >"$root.log" 2>&1 ||
  { tail -n 5 "$root.log" >&2; echo "error: debootstrap failed (all of it: $root.log)" >&2; exit 4; }
# What the machine itself needs to reach its mirror: names, proxy and certificates of apt.
cp /etc/resolv.conf "$root/etc/" 2>/dev/null || true
cp -r /etc/apt/apt.conf.d/. "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp /etc/apt/sources.list "$root/etc/apt/" 2>/dev/null || true
cp -r /etc/apt/sources.list.d/. "$root/etc/apt/sources.list.d/" 2>/dev/null || true
mkdir -p "$root/etc/ssl/certs" "$root/dev/shm"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/" 2>/dev/null || true
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev/shm"
rm -rf "$root/kohort"
mkdir "$root/kohort"
git archive HEAD | tar -x -C "$root/kohort"
start=$SECONDS
env -i "$(command -v chroot)" "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin /kohort/tools/quickstart.sh
echo "quickstart on a fresh Debian 12: $((SECONDS - start)) s"
[ -s "$root/kohort/kohort-quickstart/run/report.html" ]
