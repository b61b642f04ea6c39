#!/usr/bin/env bash
# Makes an authority and a certificate for each replica that is named, as PEM, in a directory:
#     certificates.sh <directory> <name>...
# The authority is made once: called again with other names it makes certificates for those. Keep ca.key elsewhere.
set -euo pipefail
directory=${1:?a directory} && shift
mkdir -p "$directory" && cd "$directory"
umask 077

if [ ! -e ca.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 3650 -subj "/CN=gossip authority" \
        -addext "keyUsage=critical,keyCertSign,cRLSign" -keyout ca.key -out ca.pem 2> /dev/null
fi
for name in "$@"; do
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=$name" -keyout "$name.key" 2> /dev/null |
        openssl x509 -req -CA ca.pem -CAkey ca.key -days 365 -out "$name.pem" -extfile <(
            printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$name"
        ) 2> /dev/null
done
