#!/usr/bin/env bash
# Starts three replicas with certificates, each in a network namespace, puts a value at one and gets it at another, and says what
# that took and what crossed the wire between them. With the name of a file it goes on: it cuts n3 off, has all three written to,
# and takes a picture of the page of n1. As root, once the program is built; it takes `ip`, `nsenter`, `jq`, and Chromium for the
# picture.
#     gossip-node/docs/three.sh [page.png]
set -euo pipefail
# In namespaces of its own, which end with it, and all that it has started with them.
[ $$ = 1 ] || exec timeout 120 unshare --net --pid --fork --kill-child --mount-proc "$0" "$@"

program=${CARGO_TARGET_DIR:-target}/release/gossip-node
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

# A bridge, and on it a namespace for each replica, in which `at` runs a command.
declare -A leader
at() { nsenter --net --target "${leader[$1]}" "${@:2}"; }
ip link add net type bridge && ip link set net up
for i in 1 2 3; do
    unshare --net sleep infinity & leader[$i]=$!
    until [ "$(readlink /proc/${leader[$i]}/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do :; done
    ip link add port$i type veth peer name data netns "${leader[$i]}" && ip link set port$i master net up
    at $i sysctl -q net.ipv6.conf.data.disable_ipv6=1
    at $i ip addr add 10.0.0.$i/24 dev data && at $i ip link set data up && at $i ip link set lo up
done

# Since the replicas were started.
milliseconds() { echo $((($(date +%s%N) - began) / 1000000)); }
# What replicas have sent each other, with the headers of Ethernet, IP and TCP. HTTP stays in the namespace of its replica.
wire() { ip -json -stats link | jq '[.[] | select(.ifname | startswith("port")).stats64.rx.bytes] | add'; }
put() { at $1 curl -sf -o /dev/null -X PUT -d "$3" 127.0.0.1:9400/v1/keys/$2; }

gossip-node/deploy/certificates.sh "$directory" n1 n2 n3
began=$(date +%s%N)
for i in 1 2 3; do
    at $i "$program" serve --name n$i --listen 10.0.0.$i:7400 --http 127.0.0.1:9400 \
        --peers 10.0.0.1:7400,10.0.0.2:7400,10.0.0.3:7400 --data-dir "$directory/n$i" --log error \
        --ca "$directory/ca.pem" --cert "$directory/n$i.pem" --key "$directory/n$i.key" &
done
until put 1 tea 2.7; do :; done
echo "put at n1 after $(milliseconds) ms"
until at 3 curl -sf -o /dev/null 127.0.0.1:9400/v1/keys/tea; do :; done
echo "got at n3 after $(milliseconds) ms, $(wire) bytes on the wire"
[ $# = 1 ] || exit 0

put_many() { at $1 curl -sfZ --no-progress-meter -o /dev/null -X PUT -d "$3" "127.0.0.1:9400/v1/keys/$2"; }
put_many 1 "tea-[1-2000]" 2.7
at 1 curl -sf -o /dev/null 127.0.0.1:9400/synced
ip link set port3 down
until at 1 curl -sf 127.0.0.1:9400/stats | jq -e '.peers[] | select(.id == "n3" and .connected_ms == null)' > /dev/null; do :; done
for i in 1 2 3; do put_many $i "cut-$i-[1-20]" 3.1; done
at 2 curl -sf -o /dev/null -X DELETE "127.0.0.1:9400/v1/keys/tea-[1-10]"
at 1 curl -sf -o /dev/null "127.0.0.1:9400/synced?peers=1"
# Without a sandbox, which root may not have: the page is our own.
at 1 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1060,320 --virtual-time-budget=2000 \
    --screenshot="$(realpath -m "$1")" http://127.0.0.1:9400/ 2> /dev/null
