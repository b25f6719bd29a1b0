# Sourced by the scripts of this folder: a daemon and a BEAM node beside each other, ended with the script.
# shellcheck shell=bash
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
: "${MUSTER_BINARY:=$PWD/build/release/bin/muster}"
export ROUNDS=${ROUNDS:-5}
[ -x "$MUSTER_BINARY" ] || {
  echo "no $MUSTER_BINARY: cmake --preset release && ninja -C build/release" >&2
  exit 1
}

work=$(mktemp -d)
started=()
begun() {
  started+=("$1")
  disown "$1"  # bash need not tell how it ends
}
finish() {
  for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT

export HOME=$work ERL_EPMD_PORT=${ERL_EPMD_PORT:-15369} ERL_CRASH_DUMP=/dev/null
(umask 077 && echo bench >"$work/.erlang.cookie" && chmod 400 "$work/.erlang.cookie")
erlc -o "$work" tests/bench/*.erl

# The newest process started with & gets a line of output within 30 s, or the script ends.
await() {  # LOG TEXT
  for _ in $(seq 300); do
    if grep -q "$2" "$1" 2>/dev/null; then return; fi
    sleep 0.1
  done
  cat "$1" >&2
  exit 1
}

start_epmd() {
  epmd -address 127.0.0.1 >"$work/epmd.log" 2>&1 &
  begun $!
  for _ in $(seq 100); do if epmd -names >/dev/null 2>&1; then return; fi; sleep 0.05; done
}

start_daemon() {  # [arguments]; its pid in $daemon, REST at $url
  url=http://127.0.0.1:${HTTP_PORT:-18080}
  "$MUSTER_BINARY" serve --name muster@127.0.0.1 --cookie-file "$work/.erlang.cookie" --data-dir "$work/data" \
    --http "${url#http://}" "$@" >"$work/muster.log" 2>&1 &
  daemon=$!
  begun "$daemon"
  await "$work/muster.log" "muster: ready"
}

beam() {  # NAME [arguments]: becomes a node without a shell
  exec erl -name "$1@127.0.0.1" -start_epmd false -noshell -pa "$work" -boot no_dot_erlang +sbwt none +sbwtdcpu none \
    +sbwtdio none "${@:2}"
}

start_beam() {  # its pid in $beam_node
  beam beam -s bench_peer start >"$work/beam.log" 2>&1 &
  beam_node=$!
  begun "$beam_node"
  await "$work/beam.log" ready
}

start_farm() {  # NODES [arguments]: their epmd is everybody's; its pid in $farm
  "${MUSTER_BINARY%/*}/muster_farm" --nodes "$1" --epmd-port "$ERL_EPMD_PORT" --cookie-file "$work/.erlang.cookie" \
    "${@:2}" >"$work/farm.log" 2>&1 &
  farm=$!
  begun "$farm"
  await "$work/farm.log" ready
}

calling() {  # EXPRESSION, in a calling node
  (beam caller -eval "$1, halt().")
}

measure() {  # FUNCTION: bench:FUNCTION(DaemonPid, BeamPid) in a calling node
  calling "bench:$1(\"$daemon\", \"$beam_node\")"
}
