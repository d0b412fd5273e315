#!/bin/sh
# Installs the programs that tests compare with, on Debian and as root. Elsewhere it says so, and those tests are skipped.
set -eu

packages='ntfs-3g partclone sleuthkit qemu-utils e2fsprogs lvm2 ldmtool xfsprogs exfatprogs gdisk fdisk libxml2-utils python3-lxml python3-libvshadow xz-utils zstd'

missing=''
for package in $packages; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo "Not installed, so some tests are skipped:$missing"
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 -- a list of names
apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends $missing >/dev/null ||
  echo "Not installed, so some tests are skipped:$missing"
