#!/bin/sh
# `npm` for the tests of the pages: what a page installs is linked from this checkout, since a test has no registry.
# What belongs to a checkout (`npm start`, `npm run …`) runs in it.
set -eu
PATH=${PATH#*:}
case "${1:-}" in
  ci)
    test -d "$DOCS_ROOT/node_modules"
    ;;
  install)
    shift
    mkdir -p node_modules/.bin
    test -f package.json || echo '{ "private": true }' >package.json
    for name in "$@"; do
      case $name in
        -*) continue ;;
        chaussette-server)
          from=$DOCS_ROOT
          ln -sfn "$DOCS_ROOT/bin/chaussette.js" node_modules/.bin/chaussette
          ;;
        *) from=$DOCS_ROOT/node_modules/$name ;;
      esac
      test -e "$from" || { echo "npm: $name is not among the packages of this checkout" >&2; exit 1; }
      mkdir -p "node_modules/$(dirname "$name")"
      ln -sfn "$from" "node_modules/$name"
    done
    ;;
  start | run) cd "$DOCS_ROOT" && exec npm "$@" ;;
  *) exec npm "$@" ;;
esac
