#!/bin/sh
# prove_bare.sh FOLDER [COMMAND..]: runs ./dev commands (default: the README's two) on a Debian 12 where nothing is set up.
# Makes FOLDER a minimal Debian by debootstrap (kept for the next call; needs root), clones the last commit into it anew, and
# hands on how this machine reaches its package registries. Only /proc and /dev are mounted, in a mount namespace that ends with the command.
set -eu

[ $# -ge 1 ] || {
  echo "usage: prove_bare.sh FOLDER [COMMAND..]" >&2
  exit 2
}
[ "$(id -u)" -eq 0 ] || {
  echo "prove_bare.sh: chroot needs root" >&2
  exit 1
}
source=$(cd "$(dirname "$0")/.." && pwd -P)
mkdir -p "$1"
bare=$(cd "$1" && pwd -P)
shift
[ "$bare" != / ] || exit 1

# The first mirror this machine's own apt uses, in either of its two formats.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null |
    sed -n -e 's/^URIs: *\([^ ]*\).*/\1/p' -e 's/^deb \(\[[^]]*\] \)\{0,1\}\([^ ]*\) .*/\2/p' | head -n 1
}

copy() {
  if [ -e "$1" ]; then
    mkdir -p "$bare$(dirname "$1")"
    cp -RL "$1" "$bare$(dirname "$1")/"
  fi
}

inside() {
  env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
    ${certificates:+SSL_CERT_FILE="$certificates" PIP_CERT="$certificates" CARGO_HTTP_CAINFO="$certificates"} \
    unshare --mount --propagation private /bin/sh -c \
    'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && exec chroot "$1" /bin/sh -c "$2"' sh "$bare" "$1"
}

if ! [ -x "$bare/usr/bin/git" ]; then
  debootstrap --variant=minbase --include=git,ca-certificates bookworm "$bare" "$(mirror)"
fi
copy /etc/resolv.conf
copy /etc/apt/sources.list
copy /etc/apt/sources.list.d/debian.sources
copy /etc/pip.conf
copy "$HOME/.cargo/config.toml"
certificates=
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
  certificates=/etc/ssl/certs/ca-certificates.crt
  copy "$certificates"
fi

rm -rf "$bare/root/burin"
git clone -q --no-hardlinks "$source" "$bare/root/burin"
[ $# -gt 0 ] || set -- './dev run "What is the capital of France?" --max-tokens 32' './dev run "And of Italy?" --max-tokens 16' './dev test'
for command in "$@"; do
  started=$(date +%s)
  status=0
  inside "cd /root/burin && $command" </dev/null || status=$?
  echo "prove_bare: '$command' exit $status after $(($(date +%s) - started)) s"
  [ "$status" -eq 0 ] || exit "$status"
done
